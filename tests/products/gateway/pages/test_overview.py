"""The gateway's overview: numbers of the chosen time, first steps while there are none."""

from http import HTTPStatus

import pytest
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from tests.factories import requests

pytestmark = pytest.mark.django_db(transaction=True)


def read(client: Client, address: str = "/gateway") -> str:
    answer = client.get(address)
    assert answer.status_code == HTTPStatus.OK
    return answer.content.decode()


def test_without_requests_it_teaches_the_first_one(client: Client) -> None:
    page = read(client)
    assert "No request in the last 24 hours" in page
    assert "/v1/chat/completions" in page
    assert "from</span> openai" in page
    assert "data-copy" in page
    assert "patchbay/offline" in page, "a model that there is"


def test_it_counts_what_happened_and_draws_it(client: Client, owner: Membership) -> None:
    for _ in range(3):
        requests.success(owner.organisation_id)
    requests.failure(owner.organisation_id)
    requests.success("org_other", model="not-ours")
    page = read(client)
    assert "1 of 4 requests failed" in page
    assert "25.00 %" in page
    assert "7<small>.944</small>" in page, "three times 2.648"
    assert "9,327" in page, "tokens in and out"
    assert page.count('class="bars"') == 4
    assert page.count("As a table") == 4
    assert "not-ours" not in page


def test_numbers_of_charts_are_written_as_everywhere(client: Client, owner: Membership) -> None:
    requests.success(owner.organisation_id, cost_micro=8_400_250_000, prompt_tokens=70_000, latency_ms=3000)
    cost = read(client).split("What did they cost?")[1].split("</section>")[0]
    assert '<span class="num">10,000<small>.000</small></span>' in cost, "the end of the scale"
    assert '<span class="num">8,400<small>.250</small></span>' in cost


@pytest.mark.parametrize(("chosen", "columns"), [("1h", 7), ("24h", 25), ("7d", 29), ("30d", 31), ("nonsense", 25)])
def test_the_time_is_chosen_in_the_address(client: Client, owner: Membership, chosen: str, columns: int) -> None:
    requests.success(owner.organisation_id)
    page = read(client, f"/gateway?range={chosen}")
    assert abs(page.count('class="col"') / 4 - columns) <= 1, "now may be the start of a step"


def test_a_line_of_a_model_leads_to_its_requests(client: Client, owner: Membership) -> None:
    requests.success(owner.organisation_id, model="fast/1")
    assert "/gateway/requests?model=fast%2F1" in read(client)


def test_an_editor_reads_it(editor: Client) -> None:
    assert "Gateway" in read(editor)
