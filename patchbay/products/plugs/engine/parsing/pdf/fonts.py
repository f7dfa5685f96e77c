"""Which letters are bold and which a typewriter's, asked of PDFium once for each font of a document."""

import ctypes
import re
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

_NAME = 128
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
    """The fonts of one document, by name."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], tuple[bool, bool]] = {}
        self._name = ctypes.create_string_buffer(_NAME)
        self._flags = ctypes.c_int()

    def look(self, textpage: Any, index: int) -> tuple[bool, bool]:
        """Return whether the character at `index` is bold and whether it is of one width with all others."""
        pdfium.FPDFText_GetFontInfo(textpage, index, self._name, _NAME, self._flags)
        key = self._name.value, self._flags.value
        if (found := self._known.get(key)) is None:
            bold = bool(_BOLD.search(key[0])) or pdfium.FPDFText_GetFontWeight(textpage, index) >= _BOLD_WEIGHT
            mono = bool(key[1] & _FIXED_PITCH) or bool(_MONO.search(key[0]))
            found = self._known[key] = bold, mono
        return found
