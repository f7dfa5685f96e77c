"""Rows of tables, found by alignment: lines of several pieces that stand under each other."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from patchbay.products.plugs.engine.parsing.pdf.layout import Line
from patchbay.products.plugs.engine.parsing.pdf.segments import Segment

MAX_GAP = 3.5  # in font sizes: lines further apart are not of one table
_MIN_FULL = 2
_NEARLY_ALL = 0.8
_FAR = 1.25  # rows of a table stand this much further apart than the lines of one cell


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of each row, left to right, empty ones too; `starts` are the columns' left edges.

    The first `heads` rows head the others; `columns` are the names they give, empty without any.
    """

    rows: tuple[tuple[str, ...], ...]
    starts: tuple[float, ...]
    heads: int
    columns: tuple[str, ...]


def table_at(lines: Sequence[Line], position: int, rules: Sequence[float]) -> tuple[Table, int] | None:
    """Return the table that starts at a line, and the position after it; None when none does.

    `rules` are the heights of horizontal lines drawn on the page, which part rows more surely than distances.
    """
    end = _end(lines, position)
    run = lines[position:end]
    if sum(len(line.parts) > 1 for line in run) < 2:
        return None
    columns = _columns(run)
    if len(columns) < 2:
        return None
    groups = _rows(run, columns, rules)
    rows = tuple(_cells(group, columns) for group in groups)
    if len(rows) < 2:
        return None
    heads, names = _heads(groups, rows, columns)
    return Table(rows, tuple(left for left, _ in columns), heads, names), end


def _end(lines: Sequence[Line], position: int) -> int:
    """Return where the run of lines that could be one table ends: not after a line that fits no column."""
    spans: list[tuple[float, float]] = []
    end = last_wide = position
    while end < len(lines):
        line = lines[end]
        apart = end > position and (
            line.region != lines[end - 1].region or lines[end - 1].middle - line.middle > MAX_GAP * line.size
        )
        if apart:
            break
        if len(line.parts) > 1:
            last_wide = end
            spans.extend((part.left, part.right) for part in line.parts)
        elif not _within_one(line.parts[0], spans):
            break
        end += 1
    # Single pieces after the last full line may be its wrapped cells, or the paragraph below: keep those close by.
    stop = last_wide + 1
    while stop < end and lines[stop - 1].middle - lines[stop].middle < 1.35 * lines[stop].size:
        stop += 1
    return stop


def _within_one(part: Segment, spans: Sequence[tuple[float, float]]) -> bool:
    """Whether a lone piece stands under one cell and reaches into no other column."""
    under = [span for span in spans if span[0] - 2 <= part.left <= span[1]]
    beyond = [span for span in spans if span[0] > part.left + 4 and span[0] < part.right - 2]
    return bool(under) and not beyond


def _columns(run: Sequence[Line]) -> list[tuple[float, float]]:
    """Return the columns as spans: the pieces of the fullest lines, merged where they overlap."""
    counts = [len(line.parts) for line in run]
    most = max(counts)
    # A header cell may reach over two columns; lines that fill every column tell them apart.
    least = most if 5 * counts.count(most) >= 2 * sum(count > 1 for count in counts) else max(2, most - 1)
    spans = sorted((part.left, part.right) for line in run if len(line.parts) >= least for part in line.parts)
    columns: list[tuple[float, float]] = []
    for left, right in spans:
        if columns and left < columns[-1][1]:
            columns[-1] = columns[-1][0], max(columns[-1][1], right)
        else:
            columns.append((left, right))
    return columns


def _rows(run: Sequence[Line], columns: Sequence[tuple[float, float]], rules: Sequence[float]) -> list[list[Line]]:
    inside = [rule for rule in rules if run[-1].middle < rule < run[0].middle]
    if not inside:
        return _rows_apart(run, columns)
    parted = _parted(run, [any(b.middle < rule < a.middle for rule in inside) for a, b in itertools.pairwise(run)])
    # A rule may stand only below the header, or part sections: then what lies between is lines, each a row.
    return [row for group in parted for row in (_rows_full(group, columns) or [group])]


def _rows_apart(run: Sequence[Line], columns: Sequence[tuple[float, float]]) -> list[list[Line]]:
    """Part a table without rules: at lines that fill it, else by distance, else where the first column is filled."""
    if full := _rows_full(run, columns):
        return full
    distances = [above.middle - below.middle for above, below in itertools.pairwise(run)]
    nearest = min(distances)
    if max(distances) > _FAR * nearest and nearest < 1.5 * run[0].size:
        return _parted(run, [distance > _FAR * nearest for distance in distances])
    edge = columns[0][1]
    return _parted(run, [line.left <= edge for line in run[1:]])


def _rows_full(run: Sequence[Line], columns: Sequence[tuple[float, float]]) -> list[list[Line]] | None:
    """Return a row for each line that fills the table, when nearly all do; a wrapped line joins the one above."""
    full = [len(line.parts) >= len(columns) for line in run]
    if len(run) < _MIN_FULL or not full[0] or sum(full) < _NEARLY_ALL * len(run):
        return None
    return _parted(run, full[1:])


def _parted(run: Sequence[Line], starts_new: Sequence[bool]) -> list[list[Line]]:
    groups = [[run[0]]]
    for line, new in zip(run[1:], starts_new, strict=True):
        if new:
            groups.append([line])
        else:
            groups[-1].append(line)
    return groups


def _cells(group: Sequence[Line], columns: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    cells = [""] * len(columns)
    broken = [False] * len(columns)
    for line in group:
        for part in line.parts:
            at = _column_of(part, columns)
            joint = "" if broken[at] or not cells[at] else " "
            cells[at] += joint + part.text
            broken[at] = part.broken
    return tuple(cells)


def _column_of(part: Segment, columns: Sequence[tuple[float, float]]) -> int:
    for at, (left, right) in enumerate(columns):  # nearly always it stands inside one
        if left <= part.left and part.right <= right:
            return at
    overlaps = [min(part.right, right) - max(part.left, left) for left, right in columns]
    return max(range(len(columns)), key=overlaps.__getitem__)


def _heads(
    groups: Sequence[Sequence[Line]], rows: Sequence[tuple[str, ...]], columns: Sequence[tuple[float, float]]
) -> tuple[int, tuple[str, ...]]:
    """Return how many rows head the table, and the name that they give each column.

    A cell of the first that reaches over several columns names all of them, and the row below says which is which.
    """
    names, spans = _names(groups[0], columns)
    if not _has_header(groups, (names, *rows[1:])):
        return 0, ()
    below = rows[1]
    if not spans or len(rows) < 3 or any(cell[:1].isdigit() for cell in below):
        return 1, names
    return 2, tuple(" ".join(filter(None, pair)) for pair in zip(names, below, strict=True))


def _names(group: Sequence[Line], columns: Sequence[tuple[float, float]]) -> tuple[tuple[str, ...], bool]:
    """Return a heading row's cells, one that reaches over several columns in each, and whether there is such a cell."""
    names = [""] * len(columns)
    spans = False
    for part in (part for line in group for part in line.parts):
        reached = _reached(part, columns)
        spans = spans or len(reached) > 1
        for at in reached:
            names[at] = f"{names[at]} {part.text}".strip()
    return tuple(names), spans


def _reached(part: Segment, columns: Sequence[tuple[float, float]]) -> list[int]:
    """Return the columns that a piece stands over: those it overlaps, or both sides of the gap it is centred on."""
    over = [at for at, (left, right) in enumerate(columns) if min(part.right, right) - max(part.left, left) > 0]
    middle = (part.left + part.right) / 2
    gaps = enumerate(itertools.pairwise(columns))
    beside = [side for at, (a, b) in gaps if a[1] < middle < b[0] for side in (at, at + 1)]
    return sorted({*over, *beside}) or [_column_of(part, columns)]


def _has_header(groups: Sequence[Sequence[Line]], rows: Sequence[tuple[str, ...]]) -> bool:
    """The first row heads the others when it alone is bold, or says words where they say numbers."""
    bold = [all(line.bold for line in group) for group in groups]
    if bold[0] and not all(bold[1:]):
        return True
    first = rows[0]
    if not all(first) or any(cell[0].isdigit() for cell in first):
        return False
    return any(
        bool(row[at]) and row[at].lstrip("£$€±≤≥<>~≈-– ")[:1].isdigit()
        for row in rows[1:]
        for at in range(1, len(first))
    )
