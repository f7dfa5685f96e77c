"""The stored text of a version: the blocks joined, and where in it each block and each page stands."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from patchbay.products.plugs.engine.parsing.blocks import Block

_TIGHT = frozenset({"row", "aside", "item"})


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A block and the offset (code points) of its text in the stored text."""

    block: Block
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.block.text)


@dataclass(frozen=True, slots=True)
class Composed:
    """The stored text. `page_starts[i]` is where page i + 1 starts; a page without text starts where the next does."""

    text: str
    placed: tuple[Placed, ...]
    page_starts: tuple[int, ...]


def compose(blocks: Sequence[Block], pages: int | None) -> Composed:
    """Join blocks: rows and items of one list by a line end, all else by a blank line."""
    parts: list[str] = []
    placed: list[Placed] = []
    firsts: dict[int, int] = {}
    offset = 0
    before = ""
    for block in blocks:
        if parts:
            joint = "\n" if block.kind in _TIGHT and before in _TIGHT else "\n\n"
            parts.append(joint)
            offset += len(joint)
        placed.append(Placed(block, offset))
        if block.page is not None:
            firsts.setdefault(block.page, offset)
            for at, page in block.breaks:
                firsts.setdefault(page, offset + at)
        parts.append(block.text)
        offset += len(block.text)
        before = block.kind
    return Composed("".join(parts), tuple(placed), _starts(firsts, pages, offset))


def page_at(page_starts: Sequence[int], offset: int) -> int | None:
    """Return the page (from 1) on which the character at `offset` stands; None in a text without pages."""
    return max(1, bisect_right(page_starts, offset)) if page_starts else None


def _starts(firsts: dict[int, int], pages: int | None, length: int) -> tuple[int, ...]:
    if not pages:
        return ()
    starts = [0] * pages
    following = length
    for page in range(pages, 0, -1):
        following = min(firsts.get(page, following), following)
        starts[page - 1] = following
    starts[0] = 0
    return tuple(starts)
