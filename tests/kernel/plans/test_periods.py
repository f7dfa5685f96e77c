"""A plan's months are counted from its anchor and never drift."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from patchbay.kernel.plans.contracts import period_at

moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 12, 31), timezones=st.just(UTC))


def test_an_anchor_on_the_31st_falls_on_the_last_day_of_short_months_and_comes_back() -> None:
    anchor = datetime(2026, 1, 31, 10, tzinfo=UTC)
    starts = [period_at(anchor, anchor + timedelta(days=days)).start for days in (0, 30, 62, 95)]
    assert [(start.month, start.day) for start in starts] == [(1, 31), (2, 28), (3, 31), (4, 30)]


def test_a_period_begins_at_the_hour_of_the_anchor() -> None:
    anchor = datetime(2026, 1, 15, 10, tzinfo=UTC)
    assert period_at(anchor, datetime(2026, 2, 15, 9, 59, tzinfo=UTC)).index == 0
    assert period_at(anchor, datetime(2026, 2, 15, 10, tzinfo=UTC)).index == 1


def test_what_is_before_the_anchor_belongs_to_the_first_month() -> None:
    anchor = datetime(2026, 1, 15, tzinfo=UTC)
    assert period_at(anchor, anchor - timedelta(days=90)).index == 0


@given(anchor=moments, seconds=st.integers(0, 20 * 366 * 86_400))
def test_every_moment_lies_in_its_period_and_periods_touch(anchor: datetime, seconds: int) -> None:
    at = anchor + timedelta(seconds=seconds)
    period = period_at(anchor, at)
    assert period.start <= at < period.end
    following = period_at(anchor, period.end)
    assert (following.index, following.start) == (period.index + 1, period.end)
