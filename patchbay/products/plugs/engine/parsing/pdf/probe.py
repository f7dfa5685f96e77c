"""What PDFium says of the characters of a page: where they stand and in which font."""

import ctypes
import struct
from ctypes import c_double, c_int, c_ulong, c_void_p
from typing import Any

import pypdfium2.raw as pdfium

from patchbay.products.plugs.engine.parsing.pdf.fonts import Fonts
from patchbay.products.plugs.engine.parsing.pdf.native import address, declared

Box = tuple[float, float, float, float]
"""Left, right, bottom, top in points."""

_NAME = 128
_BOX = struct.Struct("4d")
_FOUR = (c_void_p,) * 4


_count_rects = declared(pdfium.FPDFText_CountRects, c_int, c_void_p, c_int, c_int)
_get_rect = declared(pdfium.FPDFText_GetRect, c_int, c_void_p, c_int, *_FOUR)
_get_char_box = declared(pdfium.FPDFText_GetCharBox, c_int, c_void_p, c_int, *_FOUR)
_get_font_size = declared(pdfium.FPDFText_GetFontSize, c_double, c_void_p, c_int)
_get_font_info = declared(pdfium.FPDFText_GetFontInfo, c_ulong, c_void_p, c_int, c_void_p, c_ulong, c_void_p)


class Probe:
    """Asks about one page, whose `textpage` must stay open as long; characters are counted as PDFium does."""

    def __init__(self, textpage: Any, fonts: Fonts) -> None:
        self._raw = textpage.raw
        self._page = address(textpage.raw)
        self._fonts = fonts
        self._numbers = ctypes.create_string_buffer(_BOX.size)
        left, right, bottom, top = (ctypes.addressof(self._numbers) + 8 * at for at in range(4))
        self._rect = left, top, right, bottom  # in the order of GetRect
        self._char_box = left, right, bottom, top
        self._name, self._flags = ctypes.create_string_buffer(_NAME), c_int()
        self._font = ctypes.addressof(self._name), _NAME, ctypes.addressof(self._flags)

    def boxes(self, first: int, count: int) -> list[Box]:
        """Return the box of each run of characters."""
        boxes = []
        for number in range(_count_rects(self._page, first, count)):
            _get_rect(self._page, number, *self._rect)
            boxes.append(_BOX.unpack_from(self._numbers))
        return boxes

    def box(self, index: int) -> Box:
        """Return the box of one character; that of the one before when PDFium knows none."""
        _get_char_box(self._page, index, *self._char_box)
        return _BOX.unpack_from(self._numbers)

    def size(self, index: int) -> float:
        """Return a character's size in points, 0 when PDFium does not know it."""
        size: float = _get_font_size(self._page, index)
        return size

    def look(self, index: int) -> tuple[bool, bool]:
        """Return whether a character is bold and whether it is a typewriter's."""
        _get_font_info(self._page, index, *self._font)
        name, flags = self._name.value, self._flags.value
        return self._fonts.known.get((name, flags)) or self._fonts.judge(
            name, flags, pdfium.FPDFText_GetFontWeight(self._raw, index)
        )

    def index(self, position: int) -> int:
        """Return the character that stands at a place of the page's text."""
        return max(0, int(pdfium.FPDFText_GetCharIndexFromTextIndex(self._raw, position)))
