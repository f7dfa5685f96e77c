"""How much text a request and its answer hold, where nobody counted their tokens."""

from typing import Any

import msgspec

from patchbay.kernel.plans.contracts import BYTES_PER_TOKEN
from patchbay.lib.money import ceil_div
from patchbay.products.gateway.wire.contracts import TokenUsage

_PROMPT_FIELDS = ("messages", "input", "system", "instructions", "tools", "prompt", "functions")


def estimate(body: bytes, produced_bytes: int) -> TokenUsage:
    """Return the usage of an answer of so many bytes to a request with this body, by C6: bytes over four."""
    prompt = ceil_div(prompt_bytes(body), BYTES_PER_TOKEN)
    return TokenUsage(prompt, ceil_div(produced_bytes, BYTES_PER_TOKEN), estimated=True)


def prompt_bytes(body: bytes) -> int:
    """Return the UTF-8 bytes of all texts that the model reads; pictures and sounds inside the body are left out."""
    decoded = msgspec.json.decode(body)
    return sum(_text_bytes(decoded[name]) for name in _PROMPT_FIELDS if name in decoded)


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return 0 if value.startswith("data:") else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, list):
        return sum(map(_text_bytes, value))
    if isinstance(value, dict):
        return sum(_text_bytes(each) for name, each in value.items() if name not in ("role", "type", "id"))
    return 0
