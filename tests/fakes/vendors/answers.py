"""What a vendor sends back: one whole body, or the events of a stream."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """`events` None: a whole answer.

    `gate` holds a stream after its first event until the gate of that name opens; the connection of one with
    `events_left` is cut after so many.
    """

    status: int = 200
    body: bytes = b""
    events: tuple[bytes, ...] | None = None
    gate: str | None = None
    events_left: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


def whole(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, encode(value), headers={name.replace("_", "-"): text for name, text in headers.items()})


def encode(value: Any) -> bytes:
    """JSON as no serializer of ours writes it, so that an answer written anew would show."""
    return json.dumps(value, ensure_ascii=False, separators=(" ,", ":  ")).encode()


def event(data: Any, name: str | None = None) -> bytes:
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + encode(data) + b"\n\n"
