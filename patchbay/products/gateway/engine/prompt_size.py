"""How much text a request and its answer hold, where nobody counted their tokens."""

import re

import msgspec

from patchbay.kernel.plans.contracts import BYTES_PER_TOKEN
from patchbay.lib.money import ceil_div
from patchbay.products.gateway.wire.contracts import Body, TokenUsage
from patchbay.products.gateway.wire.reading import UNREADABLE

_PROMPT_FIELDS = ("messages", "input", "system", "instructions", "tools", "prompt", "functions")
_SILENT = ("role", "type", "id")
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+[^,]{0,200};base64,")


def estimate(body: bytes, produced_bytes: int) -> TokenUsage:
    """Return the usage of an answer of so many bytes to a request with this body, by C6: bytes over four."""
    prompt = ceil_div(prompt_bytes(body), BYTES_PER_TOKEN)
    return TokenUsage(prompt, ceil_div(produced_bytes, BYTES_PER_TOKEN), estimated=True)


def prompt_bytes(body: bytes) -> int:
    """Return the UTF-8 bytes of all texts that the model reads; pictures and sounds inside the body are left out.

    A token that stands as a number counts as BYTES_PER_TOKEN. A body with something that a provider may take and we
    cannot read (a number beyond all range) counts whole: what was served is never free for want of a size.
    """
    try:
        decoded = msgspec.json.decode(body)
    except UNREADABLE:
        return len(body)
    size = 0
    waiting = [decoded[name] for name in _PROMPT_FIELDS if name in decoded]
    while waiting:  # no recursion: what a client nests deeply must not end its own bill
        value = waiting.pop()
        if isinstance(value, str):
            size += 0 if _DATA_URL.match(value) else len(value.encode("utf-8", "surrogatepass"))
        elif isinstance(value, list):
            size += sum(BYTES_PER_TOKEN for each in value if type(each) is int)
            waiting += value
        elif isinstance(value, dict):
            waiting += [each for name, each in value.items() if name not in _SILENT and not _is_media(value, name)]
    return size


def _is_media(part: Body, name: str) -> bool:
    """Whether a field holds the bytes of a picture, a document or a sound."""
    kind = part.get("type")
    if kind == "input_audio":
        return name in ("input_audio", "data")
    source = part.get("source") if name == "source" and kind in ("image", "document") else None
    return isinstance(source, dict) and source.get("type") == "base64"
