"""`/v1/usage`: the usage records of the key's organisation."""

from typing import Any

import pytest

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.keys import services as keys
from patchbay.kernel.ledger.errors import BudgetError
from patchbay.kernel.plans.contracts import CostLine, Rate
from patchbay.kernel.usage import services
from patchbay.kernel.usage.api import router
from patchbay.kernel.usage.contracts import Settlement, UsageRecord
from patchbay.kernel.usage.queries import find_record
from patchbay.kernel.usage.runtime import Runtime
from patchbay.lib.actor import Actor
from tests import factories
from tests.kernel.rest import Rest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def rest() -> Rest:
    return Rest(router, "usage-test")


@pytest.fixture
def owner(ledger_runtime: Runtime) -> Actor:
    return factories.owner()


@pytest.fixture
def key(owner: Actor) -> str:
    return factories.key(owner).secret


def use(live: Runtime, owner: Actor, request_id: str, cost: int = 60, **fields: Any) -> None:
    hold = live.book.hold_blocking(owner.organisation_id, cost)
    record = UsageRecord(request_id=request_id, organisation_id=owner.organisation_id, **fields)
    live.writer.submit(Settlement(hold, cost, record)).result(10)


def requests(rest: Rest, key: str, query: str = "") -> list[str]:
    status, page = rest.call("GET", f"/records{query}", key=key)
    assert status == 200
    return [record["request_id"] for record in page["data"]]


def test_a_key_for_one_plug_sees_that_plugs_records_alone(rest: Rest, ledger_runtime: Runtime, owner: Actor) -> None:
    plug_id = "plug_1"
    narrow = factories.key(owner, plug_id=plug_id).secret
    use(ledger_runtime, owner, "req_own", plug_id=plug_id)
    use(ledger_runtime, owner, "req_other", plug_id="plug_2")
    use(ledger_runtime, owner, "req_model", model="gpt")
    assert requests(rest, narrow) == ["req_own"]
    assert requests(rest, narrow, "?plug_id=plug_2") == ["req_own"]
    assert len(requests(rest, factories.key(owner).secret)) == 3


def test_a_record_says_what_was_used_and_what_it_cost(
    rest: Rest, ledger_runtime: Runtime, owner: Actor, key: str
) -> None:
    line = CostLine("prompt_tokens", 120, Rate(1_000_000, 1_000), 60)
    use(ledger_runtime, owner, "req_1", model="m", prompt_tokens=120, estimated=True, lines=(line,), key_id="key_1")
    status, page = rest.call("GET", "/records", key=key)
    assert (status, page["next_cursor"]) == (200, None)
    [shown] = page["data"]
    assert (shown["request_id"], shown["credits"], shown["model"]) == ("req_1", "0.000060", "m")
    assert (shown["prompt_tokens"], shown["estimated"], shown["environment"]) == (120, True, "live")
    assert (shown["key_id"], shown["plug_id"]) == ("key_1", None)
    assert shown["lines"] == [{"item": "prompt_tokens", "quantity": 120, "credits": "0.000060"}]


def test_a_record_counts_each_kind_of_tokens_and_keeps_the_products_detail_to_itself(
    rest: Rest, ledger_runtime: Runtime, owner: Actor, key: str
) -> None:
    counts = {"reasoning_tokens": 30, "cache_write_tokens": 7, "cache_hits": 1}
    use(ledger_runtime, owner, "req_1", prompt_tokens=9, completion_tokens=40, counts=counts, detail='{"tries":[]}')
    [shown] = rest.call("GET", "/records", key=key)[1]["data"]
    assert {name: shown[name] for name in counts} == counts
    assert (shown["prompt_tokens"], shown["completion_tokens"], shown["image_tokens"]) == (9, 40, 0)
    assert "detail" not in shown
    found = find_record(owner.organisation_id, "req_1")
    assert found is not None
    assert found.detail == '{"tries":[]}'


def test_records_are_filtered_and_paged_newest_first(
    rest: Rest, ledger_runtime: Runtime, owner: Actor, key: str
) -> None:
    for number in range(5):
        use(ledger_runtime, owner, f"req_{number}", key_id=f"key_{number % 2}", plug_id=f"plug_{number % 3}")
    assert requests(rest, key) == ["req_4", "req_3", "req_2", "req_1", "req_0"]
    assert requests(rest, key, "?key_id=key_1") == ["req_3", "req_1"]
    assert requests(rest, key, "?plug_id=plug_0&key_id=key_1") == ["req_3"]
    assert requests(rest, key, "?request_id=req_2") == ["req_2"]
    assert requests(rest, key, "?since=2999-01-01T00:00:00Z") == []
    assert len(requests(rest, key, "?until=2999-01-01T00:00:00Z")) == 5
    _, first = rest.call("GET", "/records?limit=3", key=key)
    assert [record["request_id"] for record in first["data"]] == ["req_4", "req_3", "req_2"]
    assert requests(rest, key, f"?limit=3&cursor={first['next_cursor']}") == ["req_1", "req_0"]


def test_the_organisations_budget_is_set_read_and_lifted(
    rest: Rest, ledger_runtime: Runtime, owner: Actor, key: str
) -> None:
    nothing = {"monthly_cap": None, "spent": None, "left": None, "renews_at": None}
    assert rest.call("GET", "/budget", key=key) == (200, nothing)
    status, budget = rest.call("PUT", "/budget", key=key, body={"monthly_cap": "0.0001"})
    assert (status, budget["monthly_cap"], budget["left"]) == (200, "0.000100", "0.000100")
    budgets = keys.authenticate(key).budgets
    holds = services.hold_all_blocking(owner.organisation_id, budgets, 100)
    with pytest.raises(BudgetError):
        services.hold_all_blocking(owner.organisation_id, budgets, 1)
    record = UsageRecord(request_id="req_1", organisation_id=owner.organisation_id)
    ledger_runtime.writer.submit(Settlement(holds.organisation, 60, record, budget_holds=holds.budgets)).result(10)
    _, budget = rest.call("GET", "/budget", key=key)
    assert (budget["spent"], budget["left"]) == ("0.000060", "0.000040")
    assert rest.call("PUT", "/budget", key=key, body={"monthly_cap": None}) == (200, nothing)
    assert keys.authenticate(key).budgets == ()
    changes = [event.changes for event in audit.list_events(owner.organisation_id, action="budget.changed").data]
    assert changes == [{"monthly_cap": ["0.000100", None]}, {"monthly_cap": [None, "0.000100"]}]


def test_who_may_not_spend_for_all_sets_no_budget(rest: Rest, owner: Actor, key: str) -> None:
    editors = factories.key(factories.member(owner.organisation_id, "editor").actor()).secret
    assert rest.call("PUT", "/budget", key=editors, body={"monthly_cap": 5})[0] == 403
    assert rest.call("PUT", "/budget", key=key, body={"monthly_cap": -5})[0] == 422
    assert rest.call("GET", "/budget", key=key)[1]["monthly_cap"] is None


def test_another_organisation_sees_no_record(rest: Rest, ledger_runtime: Runtime, owner: Actor, key: str) -> None:
    use(ledger_runtime, owner, "req_1")
    stranger = factories.key().secret
    assert requests(rest, stranger) == []
    assert requests(rest, stranger, "?request_id=req_1") == []
