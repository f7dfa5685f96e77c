"""Charts as numbers: pieces in percent of a round scale, levels above one another, a few names below."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.lib.charts import Chart, Series, nice, stack

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OK, FAILED = Series("succeeded", "si"), Series("failed", "sx")


def chart(*values: tuple[int, int], step: timedelta = HOUR, whole: bool = True) -> Chart:
    starts = [NOON + step * number for number in range(len(values))]
    return stack("How many?", "requests", series=(OK, FAILED), starts=starts, values=values, step=step, whole=whole)


def test_pieces_stand_on_one_another_with_the_first_series_at_the_bottom() -> None:
    drawn = chart((30, 5), (10, 0))
    assert drawn.top == "50"
    shown = [[(part.series.name, part.percent, part.said) for part in column.parts] for column in drawn.columns]
    assert shown[0] == [("failed", "10.00", "5"), ("succeeded", "60.00", "30")]
    assert shown[1] == [("failed", "0.00", "0"), ("succeeded", "20.00", "10")]


def test_levels_are_drawn_as_far_as_they_stand_above_the_one_before_and_said_as_they_are() -> None:
    [column] = chart((600, 2000), whole=False).columns
    assert [(part.percent, part.said) for part in column.parts] == [("70.00", "2,000"), ("30.00", "600")]


def test_a_level_below_the_one_before_draws_nothing() -> None:
    [column] = chart((600, 400), whole=False).columns
    assert [part.percent for part in column.parts] == ["0.00", "60.00"]


def test_nothing_is_a_chart_too() -> None:
    assert [part.percent for column in chart((0, 0), (0, 0)).columns for part in column.parts] == ["0.00"] * 4
    assert chart().columns == ()


@pytest.mark.parametrize(
    ("step", "name"),
    [(timedelta(minutes=10), "12:00"), (HOUR, "12:00"), (6 * HOUR, "21 Nov 12:00"), (24 * HOUR, "21 Nov")],
)
def test_a_column_is_named_as_finely_as_its_step(step: timedelta, name: str) -> None:
    assert chart((1, 0), step=step).columns[0].name == name


def test_at_most_five_names_stand_below() -> None:
    for count in (1, 5, 6, 7, 25, 31):
        ticks = [column.tick for column in chart(*[(1, 0)] * count).columns]
        assert 0 < sum(map(bool, ticks)) <= 5
        assert all(tick in (0, number) for number, tick in enumerate(ticks, start=1))


@given(st.integers(0, 10**15))
def test_a_scale_ends_at_a_round_number_no_less_than_the_largest_and_no_more_than_needed(value: int) -> None:
    top = nice(value)
    assert top >= value
    assert top < max(2, value * 5 // 2 + 1)
    assert str(top).rstrip("0") in {"1", "2", "5"}
