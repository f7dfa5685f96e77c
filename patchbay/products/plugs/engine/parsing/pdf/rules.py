"""Horizontal lines drawn on a page: borders of table rows."""

import ctypes
from collections import defaultdict
from typing import Any

import pypdfium2.raw as pdfium

_THIN = 2.0
_SHORTEST = 12.0
_MAX_OBJECTS = 20_000


def horizontal_rules(page: Any) -> list[float]:
    """Return the heights (points from below) at which rules or the edges of boxes are drawn, each once."""
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    widths: dict[int, float] = defaultdict(float)
    for at in range(min(pdfium.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        item = pdfium.FPDFPage_GetObject(page, at)
        if pdfium.FPDFPageObj_GetType(item) != pdfium.FPDF_PAGEOBJ_PATH:
            continue
        if not pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top):
            continue
        width = right.value - left.value
        if width < _SHORTEST:
            continue
        widths[round((top.value + bottom.value) / 2 if top.value - bottom.value < _THIN else top.value)] += width
        if top.value - bottom.value >= _THIN:
            widths[round(bottom.value)] += width
    if not widths:
        return []
    enough = 0.5 * max(widths.values())
    return sorted(float(height) for height, width in widths.items() if width >= enough)
