"""Which letters are bold and which a typewriter's, asked of PDFium once for each font of a document."""

import re
from typing import NamedTuple

_FIXED_PITCH = 1  # ISO 32000-1, 9.8.2
_BOLD_WEIGHT = 600
_BOLD = re.compile(rb"Bold|Black|Heavy|Demi|CMB|BX[0-9]")
_MONO = re.compile(rb"Mono|Courier|Typewriter|Consol|Menlo|(?:CM|SF|LM|EC|TX)[A-Z]*TT|inconsolata", re.IGNORECASE)


class Face(NamedTuple):
    """How a piece of text is set; `size` in points."""

    size: float
    bold: bool
    mono: bool


class Fonts:
    """The fonts of one document: `known` says of each name and flags whether it is bold and whether a typewriter's."""

    def __init__(self) -> None:
        self.known: dict[tuple[bytes, int], tuple[bool, bool]] = {}

    def judge(self, name: bytes, flags: int, weight: int) -> tuple[bool, bool]:
        """Add a font by what PDFium says of it, and return what is then known."""
        bold = bool(_BOLD.search(name)) or weight >= _BOLD_WEIGHT
        mono = bool(flags & _FIXED_PITCH) or bool(_MONO.search(name))
        self.known[name, flags] = bold, mono
        return bold, mono
