"""The request log's pages: filters in the address, pages by cursor, and one request with all there is to know."""

from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from patchbay.kernel.accounts.models import Membership
from patchbay.products.gateway.engine.request_log import Body, write
from patchbay.products.gateway.services import set_rules
from patchbay.products.plugs import services as plugs
from tests import factories
from tests.factories import requests

pytestmark = pytest.mark.django_db(transaction=True)
TRIES = [
    {"provider": "anthropic", "model": "claude", "status": 429, "error": "busy", "milliseconds": 212},
    {"provider": "openai", "model": "gpt-4.1", "status": 200, "error": "", "milliseconds": 2972},
]


def read(client: Client, address: str = "/gateway/requests") -> str:
    answer = client.get(address)
    assert answer.status_code == HTTPStatus.OK, answer.status_code
    return answer.content.decode()


def test_an_empty_log_leads_to_the_first_steps(client: Client) -> None:
    assert "No request yet" in read(client)
    assert "No such request" in read(client, "/gateway/requests?model=none")


def test_each_line_leads_to_its_request(client: Client, owner: Membership) -> None:
    ids = [requests.success(owner.organisation_id, tries=2), requests.failure(owner.organisation_id)]
    page = read(client)
    assert all(f'href="/gateway/requests/{request_id}"' in page for request_id in ids)
    assert page.count("2 tries") == 2
    assert "model unavailable" in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("outcome=failed", {"failed", "tried"}),
        ("outcome=succeeded", {"smart", "fast"}),
        ("model=fast", {"fast"}),
        ("provider=anthropic", {"fast"}),
        ("provider=onsite", {"failed"}),
        ("provider=openai&outcome=failed", {"failed", "tried"}),
        ("lately=1h", {"smart", "fast", "failed", "tried"}),
        ("outcome=nonsense&lately=never", {"smart", "fast", "failed", "tried"}),
        ("provider=open", set()),
    ],
)
def test_filters_stand_in_the_address(client: Client, owner: Membership, query: str, shown: set[str]) -> None:
    organisation = owner.organisation_id
    ids = {
        "smart": requests.success(organisation),
        "fast": requests.success(organisation, model="fast", provider="anthropic"),
        "failed": requests.failure(organisation),
        "tried": requests.failure(organisation, tries=[{"provider": "openai", "model": "x", "status": 500}]),
    }
    page = read(client, f"/gateway/requests?{query}")
    assert {name for name, request_id in ids.items() if request_id in page} == shown


def test_a_key_and_an_id_filter_too(client: Client, owner: Membership) -> None:
    key = factories.key(owner.actor(), name="Batch jobs").key
    mine, other = requests.success(owner.organisation_id, key_id=key.id), requests.success(owner.organisation_id)
    page = read(client, f"/gateway/requests?key_id={key.id}")
    assert "Batch jobs" in page
    assert (mine in page, other in page) == (True, False)
    assert other not in read(client, f"/gateway/requests?request_id={mine}").replace(f"request_id={other}", "")


def test_older_requests_are_a_page_away_and_keep_the_filter(client: Client, owner: Membership) -> None:
    ids = [requests.success(owner.organisation_id) for _ in range(51)]
    page = read(client, "/gateway/requests?model=smart")
    assert ids[0] not in page
    older = page.partition('rel="next"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "model=smart" in older
    assert ids[0] in read(client, "/gateway/requests" + older)


def test_a_request_shows_tries_timings_cost_lines_and_who_asked(client: Client, owner: Membership) -> None:
    key = factories.key(owner.actor(), name="Batch jobs").key
    request_id = requests.success(
        owner.organisation_id,
        key_id=key.id,
        tries=2,
        lines=requests.COST_LINES,
        detail={"target": "openai/gpt-4.1", "first_ms": 698, "tries": TRIES},
    )
    page = read(client, f"/gateway/requests/{request_id}")
    for said in ("Batch jobs", "2 tries", "429 after 212 ms", "openai/gpt-4.1", "Cached tokens", "1536", "2,418"):
        assert said.replace(",", "") in page.replace(",", ""), said
    assert "2<small>.648</small>" in page
    assert "--at:6.66" in page, "the second try begins where the first ended"
    assert f'href="{reverse("credits:record", args=[request_id])}"' in page


def test_a_failure_says_what_happened_what_it_cost_and_what_to_do(client: Client, owner: Membership) -> None:
    page = read(client, f"/gateway/requests/{requests.failure(owner.organisation_id)}")
    assert "The model provider does not answer" in page
    assert "Nothing was charged" in page
    assert "Try again in a moment." in page
    assert "no answer after 3,000 ms: unreachable" in page


def test_bodies_are_shown_where_they_are_kept_and_are_never_markup(client: Client, owner: Membership) -> None:
    organisation = owner.organisation_id
    request_id = requests.success(organisation)
    assert "Bodies are off" in read(client, f"/gateway/requests/{request_id}")
    set_rules(actor=owner.actor(), log_bodies=True)
    assert "is not kept" in read(client, f"/gateway/requests/{request_id}")
    write([Body(request_id, organisation, b'{"content": "<script>alert(1)</script>"}', b"Fine.", days=7)])
    page = read(client, f"/gateway/requests/{request_id}")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "Fine." in page


def test_viewers_and_strangers_see_no_request(viewer: Client, stranger: Client, owner: Membership) -> None:
    address = f"/gateway/requests/{requests.success(owner.organisation_id)}"
    assert viewer.get("/gateway/requests").status_code == HTTPStatus.FORBIDDEN
    assert viewer.get(address).status_code == HTTPStatus.FORBIDDEN
    assert stranger.get(address).status_code == HTTPStatus.NOT_FOUND
    assert "No request yet" in read(stranger)


def test_a_plugs_call_names_the_plug(client: Client, owner: Membership) -> None:
    plug = plugs.create_plug(actor=owner.actor(), name="House rules")
    request_id = requests.success(owner.organisation_id, plug_id=plug.id, model="patchbay/offline")
    assert '<span class="badge">House rules</span>' in read(client)
    assert "For the plug" in read(client, f"/gateway/requests/{request_id}")
