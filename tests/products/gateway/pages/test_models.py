"""Models' pages: names and prices for all, the route editor for owners, without a script; prices for staff."""

import re
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import Rate
from patchbay.products.gateway import queries, services
from patchbay.products.gateway.checks import WantedTarget
from patchbay.products.gateway.queries.shapes import AliasView, ProviderView
from tests import factories as people
from tests.factories import gateway as factories

pytestmark = pytest.mark.django_db
OWN = {"name": "smart", "balancing": "weighted", "cache_seconds": "0", "enabled": "on"}


@pytest.fixture
def provider(owner: Membership) -> ProviderView:
    return factories.provider(owner.actor(), organisation_id=owner.organisation_id)


@pytest.fixture
def alias(owner: Membership, provider: ProviderView) -> AliasView:
    """Two targets that share, then a third."""
    targets = [
        WantedTarget(provider.id, "gpt-a", order=0, weight=3),
        WantedTarget(provider.id, "gpt-b", order=0),
        WantedTarget(provider.id, "gpt-c", order=7, max_prompt_tokens=9000, tools=False),
    ]
    return services.create_alias(
        actor=owner.actor(), organisation_id=owner.organisation_id, name="smart", targets=targets
    )


def rows(*targets: dict[str, Any]) -> dict[str, Any]:
    """The route editor's fields, as a browser sends them."""
    sent: dict[str, Any] = OWN | {"targets-count": str(len(targets))}
    for number, target in enumerate(targets):
        whole = {"weight": "1", "context_tokens": "200000", "tools": "on"} | target
        sent |= {f"targets-{number}-{name}": value for name, value in whole.items()}
    return sent


def models_in(page: str) -> list[str]:
    fields = re.findall(r'<input[^>]*name="targets-\d+-model"[^>]*>', page)
    return [match[1] if (match := re.search(r'value="([^"]*)"', field)) else "" for field in fields]


def read(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == HTTPStatus.OK
    return answer.content.decode()


def test_everyone_sees_names_and_prices_and_editors_where_they_lead(
    editor: Client, viewer: Client, alias: AliasView
) -> None:
    for client in (editor, viewer):
        page = read(client, "/gateway/models")
        assert "smart" in page
        assert "patchbay/offline" in page
        assert "prompt tokens" in page
        assert "/gateway/models/new" not in page
    assert "openai/gpt-c" in read(editor, "/gateway/models")
    assert "gpt-c" not in read(viewer, "/gateway/models")
    assert viewer.get("/gateway")["Location"] == "/gateway/models"


def test_an_owner_makes_a_model_with_targets_in_their_order(
    client: Client, owner: Membership, provider: ProviderView
) -> None:
    sent = rows(
        {"provider": provider.id, "model": "gpt-a", "weight": "3"},
        {"provider": provider.id, "model": "gpt-b", "shares": "on"},
        {"provider": provider.id, "model": "gpt-c", "max_prompt_tokens": "9000", "tools": ""},
    )
    del sent["targets-2-tools"]
    assert client.post("/gateway/models/new", sent)["Location"] == "/gateway/models"
    made = queries.get_alias(owner.organisation_id, "smart")
    shown = [(each.model, each.order, each.weight, each.max_prompt_tokens, each.tools) for each in made.targets]
    assert shown == [("gpt-a", 0, 3, None, True), ("gpt-b", 0, 1, None, True), ("gpt-c", 1, 1, 9000, False)]


def test_the_editor_shows_a_model_as_it_is_and_saving_it_changes_nothing_of_its_route(
    client: Client, owner: Membership, alias: AliasView
) -> None:
    page = read(client, f"/gateway/models/{alias.id}")
    assert models_in(page) == ["gpt-a", "gpt-b", "gpt-c"]
    assert page.count("Shares with the one above") == 2
    assert len(re.findall(r'<input[^>]*name="targets-\d-shares"[^>]*checked', page)) == 1
    provider_id = alias.targets[0].provider_id
    sent = rows(
        {"provider": provider_id, "model": "gpt-a", "weight": "3"},
        {"provider": provider_id, "model": "gpt-b", "shares": "on"},
        {"provider": provider_id, "model": "gpt-c", "max_prompt_tokens": "9000"},
    )
    client.post(f"/gateway/models/{alias.id}", sent)
    kept = queries.get_alias(owner.organisation_id, alias.id).targets
    assert [target.id for target in kept] == [target.id for target in alias.targets]
    assert kept[0].order == kept[1].order < kept[2].order


@pytest.mark.parametrize(
    ("pressed", "expected", "focused"),
    [
        ({"add": "1"}, ["a", "b", "c", ""], 'name="targets-3-provider"'),
        ({"drop": "1"}, ["a", "c"], 'name="targets-1-provider"'),
        ({"up": "2"}, ["a", "c", "b"], 'name="up"'),
        ({"up": "1"}, ["b", "a", "c"], 'name="down"'),
        ({"down": "1"}, ["a", "c", "b"], 'name="up"'),
        ({"up": "0"}, ["a", "b", "c"], ""),
        ({"down": "99"}, ["a", "b", "c"], ""),
        ({"drop": "nonsense"}, ["b", "c"], 'name="targets-0-provider"'),
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
def test_rows_are_changed_by_buttons_without_a_script_and_what_was_typed_stays(
    client: Client,
    provider: ProviderView,
    owner: Membership,
    pressed: dict[str, str],
    expected: list[str],
    focused: str,
    in_place: bool,
) -> None:
    sent = rows(*({"provider": provider.id, "model": name} for name in "abc")) | {"name": "not yet right"}
    headers = {"hx-request": "true"} if in_place else {}
    answer = client.post("/gateway/models/new", sent | pressed, headers=headers)
    page = answer.content.decode()
    assert answer.status_code == HTTPStatus.OK
    assert models_in(page) == expected
    assert 'value="not yet right"' in page
    assert "aria-invalid" not in page, "nothing is checked before it is sent"
    assert ("<html" in page) is not in_place
    if focused:
        [control] = re.findall(r"<(?:button|select)[^>]*autofocus[^>]*>", page)
        assert focused in control
    assert not queries.list_aliases(owner.organisation_id)


def test_the_last_row_cannot_be_removed(client: Client, provider: ProviderView) -> None:
    sent = rows({"provider": provider.id, "model": "a"})
    assert models_in(client.post("/gateway/models/new", sent | {"drop": "0"}).content.decode()) == ["a"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "two words"}, "id_name"),
        ({"name": "plug/mine"}, "id_name"),
        ({"targets-0-model": ""}, "id_targets-0-model"),
        ({"targets-0-model": "with space"}, "id_targets-0-model"),
        ({"targets-0-weight": "0"}, "id_targets-0-weight"),
        ({"targets-0-provider": "prov_none"}, "id_targets-0-provider"),
        ({"cache_seconds": "99999999"}, "id_cache_seconds"),
    ],
)
def test_faults_stand_at_the_fields_of_their_row(
    client: Client, provider: ProviderView, owner: Membership, changes: dict[str, str], field: str
) -> None:
    answer = client.post("/gateway/models/new", rows({"provider": provider.id, "model": "gpt"}) | changes)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f'id="{field}_error"' in answer.content.decode()
    assert not queries.list_aliases(owner.organisation_id)


def test_one_target_twice_and_a_name_twice_are_refused_in_words(
    client: Client, provider: ProviderView, alias: AliasView
) -> None:
    same = {"provider": provider.id, "model": "gpt"}
    twice = client.post("/gateway/models/new", rows(same, same) | {"name": "other"}).content.decode()
    assert "is there twice" in twice
    assert "There is a model smart already." in client.post("/gateway/models/new", rows(same)).content.decode()


def test_a_strangers_provider_cannot_be_led_to(client: Client, stranger: Client, owner: Membership) -> None:
    theirs = factories.own_model(people.owner())[0]
    mine = factories.provider(owner.actor(), organisation_id=owner.organisation_id)
    answer = client.post("/gateway/models/new", rows({"provider": theirs.id, "model": "gpt"}))
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert theirs.name not in answer.content.decode()
    assert mine.name in answer.content.decode()


def test_a_model_is_deleted_by_asking_first(client: Client, owner: Membership, alias: AliasView) -> None:
    address = f"/gateway/models/{alias.id}/delete"
    assert "3 targets" in read(client, address)
    assert queries.list_aliases(owner.organisation_id)
    assert client.post(address)["Location"] == "/gateway/models"
    assert not queries.list_aliases(owner.organisation_id)


def test_a_model_that_is_switched_off_stays_in_the_list_of_its_owner(client: Client, alias: AliasView) -> None:
    sent = rows({"provider": alias.targets[0].provider_id, "model": "gpt-a"})
    del sent["enabled"]
    client.post(f"/gateway/models/{alias.id}", sent)
    assert f"/gateway/models/{alias.id}" in read(client, "/gateway/models")
    assert "smart" not in {model.name for model in queries.list_models(alias.organisation_id or "")}


def test_only_owners_change_and_strangers_find_nothing(
    editor: Client, viewer: Client, stranger: Client, alias: AliasView
) -> None:
    address = f"/gateway/models/{alias.id}"
    for client, status in ((editor, 403), (viewer, 403), (stranger, 404)):
        for path in (address, f"{address}/delete"):
            assert client.get(path).status_code == status
            assert client.post(path, rows()).status_code == status
        assert "openai/gpt-a" not in read(stranger, "/gateway/models")
    assert editor.get("/gateway/models/new").status_code == HTTPStatus.FORBIDDEN
    assert editor.get("/gateway/models/new/platform").status_code == HTTPStatus.FORBIDDEN


def test_staff_set_the_price_of_a_model_and_take_it_back(client: Client, staff: Client, owner: Membership) -> None:
    address = "/gateway/models/prices?model=patchbay/offline"
    assert client.get(address).status_code == HTTPStatus.FORBIDDEN
    general = plans.get_prices().rates
    pers = {f"{item}_per": "1000" for item in queries.models.TOKEN_ITEMS}
    sent = pers | {"prompt_tokens": "0.123456", "prompt_tokens_per": "7"}
    assert staff.post(address, sent)["Location"] == address
    assert plans.get_prices(model="patchbay/offline").rates["prompt_tokens"] == Rate(123_456, 7)
    page = read(staff, address)
    assert 'value="0.123456"' in page
    assert 'value="7"' in page
    assert "<small>.123456</small>" in read(client, "/gateway/models")
    staff.post(address, pers)
    assert plans.get_prices(model="patchbay/offline").rates["prompt_tokens"] == general["prompt_tokens"]


def test_the_prices_of_all_models_are_all_needed(staff: Client) -> None:
    pers = {f"{item}_per": "1000" for item in queries.models.TOKEN_ITEMS}
    answer = staff.post("/gateway/models/prices", pers | {"prompt_tokens": "1.1234567"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    page = answer.content.decode()
    assert 'id="id_completion_tokens_error"' in page
    assert "6 decimal places" in page


def test_a_vendors_own_price_is_taken_with_a_margin(client: Client, staff: Client) -> None:
    address = "/gateway/models/prices/vendor?model=patchbay/offline"
    sent = {"vendor_model": "gpt-4.1", "vendor": "openai", "margin_percent": "200"}
    assert client.post(address, sent).status_code == HTTPStatus.FORBIDDEN
    assert staff.post(address, sent)["Location"] == "/gateway/models/prices?model=patchbay/offline"
    rate = plans.get_prices(model="patchbay/offline").rates["prompt_tokens"]
    assert rate.cost_micro(1_000_000) == 2_000_000_000, "2 dollars a million are 1,000 credits, twice that 2,000"
    unknown = staff.post(address, sent | {"vendor_model": "no-such-model"})
    assert (unknown.status_code, "knows no model" in unknown.content.decode()) == (422, True)


@pytest.mark.parametrize("path", ["/gateway/models/prices", "/gateway/models/prices/vendor"])
def test_a_price_for_a_name_that_no_model_has_is_refused_beside_the_form(staff: Client, path: str) -> None:
    sent = {f"{item}_per": "1000" for item in queries.models.TOKEN_ITEMS} | {"prompt_tokens": "1"}
    sent |= {"vendor_model": "gpt-4.1", "vendor": "openai", "margin_percent": "200"}
    answer = staff.post(f"{path}?model=patchbay/ofline", sent)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Did you mean patchbay/offline?" in answer.content.decode()
