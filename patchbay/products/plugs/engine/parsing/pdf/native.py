"""PDFium's functions with addresses as plain integers.

A page is asked several things for every line and every stroke, and ctypes spends more on turning pointers into
arguments than PDFium on the answer.
"""

import ctypes
from typing import Any


def declared(function: Any, result: Any, *arguments: Any) -> Any:
    """Return a function of PDFium, declared anew; it keeps the interpreter's lock, so it should answer at once."""
    return ctypes.cast(function, ctypes.PYFUNCTYPE(result, *arguments))


def address(pointer: Any) -> int:
    """Return where a pointer of pypdfium2 points."""
    place = ctypes.cast(pointer, ctypes.c_void_p).value
    if place is None:
        raise ValueError("A pointer to nothing.")
    return place
