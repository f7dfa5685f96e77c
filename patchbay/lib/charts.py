"""Bars of a chart as numbers a template can draw: columns in percent of the scale, ticks, and what each value says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_TICKS = 5
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Series:
    """One thing that is stacked: its name and the class that gives it its colour."""

    name: str
    css: str


@dataclass(frozen=True, slots=True)
class Part:
    """One stacked piece of a column: `percent` of the scale, and its value as it is said."""

    series: Series
    percent: str
    said: str


@dataclass(frozen=True, slots=True)
class Column:
    """One step in time; `tick` is where its name stands under the chart, 0 when it stands nowhere."""

    name: str
    parts: tuple[Part, ...]
    tick: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that answers a question: `top` and `bottom` are what the ends of its scale say."""

    question: str
    unit: str
    series: tuple[Series, ...]
    columns: tuple[Column, ...]
    top: str


def stack(
    question: str,
    unit: str,
    *,
    series: Sequence[Series],
    starts: Sequence[datetime],
    values: Sequence[Sequence[int]],
    step: timedelta,
    say: Callable[[int], str] = "{:,}".format,
    whole: bool = True,
) -> Chart:
    """Return a chart of `values`: for each start one number of each series, the lowest piece first.

    With `whole` the numbers are pieces of one sum. Else each is a level that includes those before it (percentiles):
    what is drawn is how far it stands above them, what is said is itself.
    """
    pieces = [list(row) if whole else _above(row) for row in values]
    top = nice(max((sum(row) for row in pieces), default=0))
    every = max(1, -(-len(starts) // _TICKS))
    columns = tuple(
        Column(
            _name(start, step),
            tuple(
                Part(each, f"{100 * piece / top:.2f}", say(value))
                for each, piece, value in zip(series, drawn, row, strict=True)
            )[::-1],
            number + 1 if number % every == 0 else 0,
        )
        for number, (start, drawn, row) in enumerate(zip(starts, pieces, values, strict=True))
    )
    return Chart(question, unit, tuple(series), columns, say(top))


def nice(value: int) -> int:
    """Return the least of 1, 2, 5, 10, 20, 50 … that is not below a value."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= value:
                return factor * power
        power *= 10


def _above(levels: Sequence[int]) -> list[int]:
    return [max(0, level - below) for below, level in zip((0, *levels), levels, strict=False)]


def _name(start: datetime, step: timedelta) -> str:
    if step >= _DAY:
        return f"{start.day} {start:%b}"
    return f"{start:%H:%M}" if step <= timedelta(hours=1) else f"{start.day} {start:%b %H:%M}"
