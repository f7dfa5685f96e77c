"""Horizontal lines drawn on a page: borders of table rows."""

import ctypes
import struct
from collections import defaultdict
from ctypes import c_int, c_void_p
from typing import Any

import pypdfium2.raw as pdfium

from patchbay.products.plugs.engine.parsing.pdf.native import address, declared

_THIN = 2.0
_SHORTEST = 12.0
_MAX_OBJECTS = 20_000
_BOUNDS = struct.Struct("4f")

_get_object = declared(pdfium.FPDFPage_GetObject, c_void_p, c_void_p, c_int)
_get_type = declared(pdfium.FPDFPageObj_GetType, c_int, c_void_p)
_get_bounds = declared(pdfium.FPDFPageObj_GetBounds, c_int, *(c_void_p,) * 5)


def horizontal_rules(page: Any) -> list[float]:
    """Return the heights (points from below) at which rules or the edges of boxes are drawn, each once."""
    numbers, handle = ctypes.create_string_buffer(_BOUNDS.size), address(page.raw)
    places = [ctypes.addressof(numbers) + 4 * at for at in range(4)]
    widths: dict[int, float] = defaultdict(float)
    for at in range(min(pdfium.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        item = _get_object(handle, at)
        if _get_type(item) != pdfium.FPDF_PAGEOBJ_PATH or not _get_bounds(item, *places):
            continue
        left, bottom, right, top = _BOUNDS.unpack_from(numbers)
        width = right - left
        if width < _SHORTEST:
            continue
        widths[round((top + bottom) / 2 if top - bottom < _THIN else top)] += width
        if top - bottom >= _THIN:
            widths[round(bottom)] += width
    if not widths:
        return []
    enough = 0.5 * max(widths.values())
    return sorted(float(height) for height, width in widths.items() if width >= enough)
