"""Requests that this process makes itself, as a door would read them."""

from collections.abc import Sequence

import msgspec

from patchbay.products.gateway.contracts import Act, Caller
from patchbay.products.gateway.engine.contracts import Ask, Evidence, Message
from patchbay.products.gateway.wire.table import WIRES


def ask_chat(
    caller: Caller,
    act: Act,
    *,
    model: str,
    messages: Sequence[Message],
    max_output_tokens: int,
    evidence: Evidence | None = None,
) -> Ask:
    """Return a request for a streamed chat completion."""
    body = write_chat(model, messages, max_output_tokens)
    wire = WIRES["chat"]
    return Ask(caller, act, wire, wire.read(body), body, evidence=evidence)


def write_chat(model: str, messages: Sequence[Message], max_output_tokens: int) -> bytes:
    """Return its body."""
    turns = [{"role": message.role, "content": message.content} for message in messages]
    return msgspec.json.encode({"model": model, "messages": turns, "max_tokens": max_output_tokens, "stream": True})
