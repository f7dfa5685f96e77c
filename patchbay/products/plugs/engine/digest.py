"""From bytes to what is stored: parse, join, cut. Pure, and free of Django: it runs inside the reader's sandbox."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from patchbay.products.plugs.engine.chunking.compose import compose
from patchbay.products.plugs.engine.chunking.units import Draft, cut_units
from patchbay.products.plugs.engine.parsing import detect
from patchbay.products.plugs.engine.parsing.blocks import Parsed, UnreadableError

_PARSERS = {
    detect.PDF: "pdf",
    detect.DOCX: "docx",
    detect.HTML: "html",
    detect.MARKDOWN: "markdown",
    detect.TEXT: "text",
}
_OF_ANY_ENCODING = {detect.HTML, detect.MARKDOWN, detect.TEXT}


@dataclass(frozen=True, slots=True)
class Digest:
    """A document ready to be stored: its text, where its pages start, its units, and a note for its owner."""

    text: str
    page_starts: tuple[int, ...]
    pages: int | None
    note: str
    units: tuple[Draft, ...]


def get_parser(media_type: str) -> Callable[[bytes], Parsed]:
    """Return the parser of a media type, importing what it needs."""
    if media_type in _OF_ANY_ENCODING:  # `parsing.charset` needs it for some, where nothing can be imported any more
        import_module("charset_normalizer")
    module = import_module(f"patchbay.products.plugs.engine.parsing.{_PARSERS[media_type]}")
    parser: Callable[[bytes], Parsed] = module.parse
    return parser


def digest(data: bytes, media_type: str) -> Digest:
    """Digest a file; UnreadableError, in words for its owner, when it holds nothing that could be asked about."""
    parsed = get_parser(media_type)(data)
    composed = compose(parsed.blocks, parsed.pages)
    units = cut_units(composed)
    if not units:
        raise UnreadableError("The file holds no text.")
    return Digest(composed.text, composed.page_starts, parsed.pages, parsed.note, tuple(units))
