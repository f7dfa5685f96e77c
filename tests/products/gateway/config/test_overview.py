"""The gateway at a glance: right to the request before, while and after rows are summed up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchbay.kernel.usage.contracts import LATENCY_BOUNDS
from patchbay.kernel.usage.models import UsageRecord
from patchbay.lib.errors import InvalidError
from patchbay.lib.ids import new_id
from patchbay.products.gateway import queries
from patchbay.products.gateway.models import FailedRequest, RequestRollup, RollupMark
from patchbay.products.gateway.queries import figures, sums
from patchbay.products.gateway.queries.figures import Overview, quantile
from patchbay.products.gateway.services import rollup

ORGANISATION = "org_overview"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTES = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL the second look follows the first without a minute between."""
    monkeypatch.setattr(rollup, "SETTLED", timedelta(0))


def record(minute: float = 0, organisation_id: str = ORGANISATION, **terms: Any) -> UsageRecord:
    values: dict[str, Any] = {
        "model": "gpt",
        "environment": "live",
        "prompt_tokens": 100,
        "cached_tokens": 10,
        "completion_tokens": 20,
        "latency_ms": 200,
        "cost_micro": 1_000,
        "created_at": NOON + timedelta(minutes=minute),
    }
    return UsageRecord(request_id=new_id("req"), organisation_id=organisation_id, **values | terms)


def failed(minute: float = 0, **terms: Any) -> FailedRequest:
    values: dict[str, Any] = {"door": "chat", "status": 503, "code": "x", "alias": "gpt"}
    created_at = NOON + timedelta(minutes=minute)
    return FailedRequest.objects.create(
        request_id=new_id("req"), organisation_id=ORGANISATION, created_at=created_at, **values | terms
    )


def keep(*rows: UsageRecord) -> None:
    UsageRecord.objects.bulk_create(rows)


def look(step: timedelta = MINUTES, hours: int = 2) -> Overview:
    return queries.overview(ORGANISATION, since=NOON, until=NOON + hours * HOUR, step=step)


def summed_up() -> None:
    rollup.roll_up()
    rollup.roll_up()  # on PostgreSQL the first look notes what the second takes


@pytest.mark.django_db
@pytest.mark.parametrize("when", ["never", "before", "between", "after"])
def test_numbers_are_the_same_whenever_rows_are_summed_up(when: str) -> None:
    if when == "before":
        summed_up()
    keep(record(1, counts='{"reasoning_tokens":7}'), record(9, model="claude", cost_micro=5_000), record(11))
    failed(12)
    if when == "between":
        summed_up()
    keep(record(65, latency_ms=3_000, counts='{"reasoning_tokens":1}'), record(1, organisation_id="org_other"))
    if when == "after":
        summed_up()
    for step in (MINUTES, HOUR):
        seen = look(step)
        assert (seen.total.requests, seen.total.errors, seen.total.cost_micro) == (5, 1, 8_000)
        assert seen.total.tokens == {
            "prompt_tokens": 400,
            "cached_tokens": 40,
            "completion_tokens": 80,
            "reasoning_tokens": 8,
        }
        assert [(model.model, model.numbers.requests) for model in seen.models] == [("claude", 1), ("gpt", 4)]
        assert seen.total.error_rate == 0.2
    assert [point.numbers.requests for point in look(HOUR).points] == [4, 1]
    by_ten = [point.numbers.requests for point in look().points]
    assert by_ten == [2, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]


@pytest.mark.django_db
def test_summing_up_twice_counts_once_and_rows_of_one_stretch_add_up() -> None:
    for _ in range(3):
        keep(record(3))
        failed(3)
        summed_up()
    assert RequestRollup.objects.filter(seconds=600).count() == 1
    assert RequestRollup.objects.filter(seconds=3600).count() == 1
    assert (look().total.requests, look().total.errors) == (6, 3)
    assert rollup.roll_up() == 0


@pytest.mark.django_db
def test_a_worker_that_was_overtaken_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(record(), record())
    RollupMark.objects.create(source="usage")
    marks = {"usage": 0}
    newest = sums.newest("usage")
    found = sums.sum_new("usage", after=0, up_to=newest)
    assert rollup._add("usage", marks, newest, found)
    assert not rollup._add("usage", marks, newest, found)
    assert look().total.requests == 2


@pytest.mark.django_db
def test_large_gaps_are_passed_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "SLICE", 2)
    keep(*(record(minute) for minute in range(7)))
    summed_up()
    assert look().total.requests == 7


@pytest.mark.django_db
def test_on_postgres_a_row_that_may_still_be_joined_by_a_lower_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "SETTLED", timedelta(seconds=60))
    monkeypatch.setattr(rollup, "_positions_follow_commits", lambda: False)
    keep(record())
    rollup.roll_up()
    assert RequestRollup.objects.count() == 0, "seen for the first time: it may not be the lowest yet"
    rollup.roll_up()
    assert RequestRollup.objects.count() == 0, "not a minute ago"
    RollupMark.objects.update(seen_at=datetime.now(UTC) - timedelta(seconds=61))
    keep(record())
    rollup.roll_up()
    mark = RollupMark.objects.get(source="usage")
    assert mark.position == mark.seen - 1, "up to what was seen a minute ago"
    assert look().total.requests == 2, "the rest is the live tail"


@pytest.mark.django_db
def test_old_sums_go_and_hours_stay_longer() -> None:
    keep(record(created_at=datetime.now(UTC) - timedelta(days=20)))
    summed_up()
    rollup.prune()
    assert [row.seconds for row in RequestRollup.objects.all()] == [3600]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("since", "until", "step", "field"),
    [
        (NOON, NOON, HOUR, "until"),
        (NOON, NOON + HOUR, timedelta(minutes=7), "step"),
        (NOON, NOON + HOUR, timedelta(0), "step"),
        (NOON - timedelta(days=30), NOON, MINUTES, "step"),
    ],
)
def test_a_time_that_has_no_picture_is_refused(since: datetime, until: datetime, step: timedelta, field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        queries.overview(ORGANISATION, since=since, until=until, step=step)
    assert [fault.field for fault in caught.value.fields] == [field]


@pytest.mark.django_db
def test_an_empty_time_has_a_point_for_each_step_and_no_latency() -> None:
    seen = queries.overview(ORGANISATION, since=NOON + MINUTES / 2, until=NOON + HOUR - MINUTES / 2, step=MINUTES)
    assert (seen.since, seen.until, len(seen.points)) == (NOON, NOON + HOUR, 6)
    assert seen.total.latency.p50 is None
    assert seen.total.error_rate == 0


@given(st.lists(st.integers(0, 2_000_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
@settings(deadline=None)
def test_a_quantile_lies_within_the_bin_of_the_true_one(latencies: list[int], share: float) -> None:
    bins: dict[str, int] = {}
    for latency in latencies:
        number = next((n for n, bound in enumerate(LATENCY_BOUNDS) if latency <= bound), len(LATENCY_BOUNDS))
        bins[str(number)] = bins.get(str(number), 0) + 1
    ranked = sorted(latencies)
    true = next(value for n, value in enumerate(ranked, 1) if n >= share * len(ranked))
    number = next((n for n, bound in enumerate(LATENCY_BOUNDS) if true <= bound), len(LATENCY_BOUNDS))
    low = LATENCY_BOUNDS[number - 1] if number else 0
    high = LATENCY_BOUNDS[min(number, len(LATENCY_BOUNDS) - 1)]
    found = quantile(bins, share)
    assert found is not None
    assert min(low, high) <= found <= high


@pytest.mark.django_db
def test_what_was_summed_up_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(*(record(minute % 60, model=f"m{minute % 5}") for minute in range(500)))
    summed_up()
    tails = []

    def watched(source: str, organisation_id: str, **conditions: Any) -> Any:
        tails.append(found := sums.sum_tail(source, organisation_id, **conditions))
        return found

    monkeypatch.setattr(figures, "sum_tail", watched)
    assert look().total.requests == 500
    assert tails == [{}, {}]
