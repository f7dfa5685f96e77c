"""Plain text: paragraphs are what blank lines part; short numbered or capital lines are headings."""

import codecs
import re

from patchbay.products.plugs.engine.parsing import charset
from patchbay.products.plugs.engine.parsing.blocks import (
    MAX_CHARACTERS,
    NUMBERED,
    Block,
    Parsed,
    TextBudget,
    UnreadableError,
    too_long,
)

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LEGACY = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "tis-620": "cp874",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-9": "cp1254",
    **{f"iso-8859-{part}": f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"windows-{page}": f"cp{page}" for page in (874, *range(1250, 1259))},
    **{f"cp{page}": f"cp{page}" for page in range(1250, 1259)},
}
"""The encodings that a page may declare, each by Python's name of the one that browsers read in its place."""

_NONCHARACTERS = (*range(0xFDD0, 0xFDF0), *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)))
_CONTROLS: dict[int, str | None] = {
    **dict.fromkeys((*range(32), 0x7F, 0xFEFF, *_NONCHARACTERS)),
    **{ord(each): each for each in "\t\n"},
    **dict.fromkeys(map(ord, "\v\f"), "\n"),  # they part words
}
_ITEM = re.compile(r"[ \t]*(?:[-*•–▪◦][ \t]+|\([0-9a-zA-Z]{1,4}\)[ \t]+)")
HEADING_WORDS = 12
_HEAD = 65_536


def decode(data: bytes, declared: str = "") -> str:
    """Decode by byte-order mark, else as declared, else as UTF-8, else as what it looks like; line ends become `\\n`.

    Control characters go. `declared` counts when it is one of `LEGACY`.

    UnreadableError for what is not text at all, of which nobody can tell the encoding, or so long that decoding it
    would only waste memory.
    """
    if len(data) > 4 * MAX_CHARACTERS:
        raise too_long()
    for mark, name in _BOMS:
        if data.startswith(mark):
            return clean(data[len(mark) :].decode(name, "replace"))
    if b"\0" in data:
        if not (wide := charset.tell_wide(data[:_HEAD])):
            raise UnreadableError("The file is not text: it holds binary data.")
        return clean(data.decode(wide, "replace"))
    if declared in LEGACY:
        return clean(data.decode(LEGACY[declared], "replace"))
    try:
        return clean(data.decode("utf-8"))
    except UnicodeDecodeError:
        return clean(_damaged_or_old(data))


def _damaged_or_old(data: bytes) -> str:
    """Return UTF-8 of which a few bytes are broken, such as a file that is cut off, as that; else by `charset`."""
    text = data.decode("utf-8", "replace")
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    return text if 4 * text.count("\ufffd") < foreign else data.decode(charset.tell(data), "replace")


def clean(text: str) -> str:
    """Normalise line ends and drop control characters, which no database and no page can show."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").decode().translate(_CONTROLS)


def squeeze(text: str) -> str:
    """Return the text with every run of white space as one space."""
    return " ".join(text.split())


def line_of(text: str) -> str:
    """Return the text as one line: `clean`, for what a file's escapes may have brought, then `squeeze`."""
    return squeeze(clean(text))


def parse(data: bytes) -> Parsed:
    """Parse a plain text file."""
    text = TextBudget().spend(decode(data))
    blocks: list[Block] = []
    for part in re.split(r"\n[ \t]*\n", text):
        lines = [line for line in part.split("\n") if line.strip()]
        if lines:
            _paragraph(lines, blocks)
    return Parsed(blocks)


def _paragraph(lines: list[str], blocks: list[Block]) -> None:
    if len(lines) == 1 and _is_heading(squeeze(lines[0])):
        blocks.append(Block("heading", squeeze(lines[0]), level=_level(lines[0].strip())))
        return
    pending: list[str] = []
    for line in lines:
        if _ITEM.match(line) and pending:
            blocks.append(_block(pending))
            pending = []
        pending.append(line)
    blocks.append(_block(pending))


def _block(lines: list[str]) -> Block:
    return Block("item" if _ITEM.match(lines[0]) else "paragraph", squeeze(" ".join(lines)))


def _is_heading(line: str) -> bool:
    if len(line) > 120 or len(line.split()) > HEADING_WORDS or line[-1] in ".;:,":
        return False
    return bool(NUMBERED.match(line)) or (line.isupper() and len(line) > 3)


def _level(line: str) -> int:
    match = NUMBERED.match(line)
    return min(6, match.group(0).strip(" .").count(".") + 1) if match else 1
