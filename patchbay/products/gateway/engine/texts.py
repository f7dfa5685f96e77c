"""The text in a stream of chat events, for a caller of this process."""

from collections.abc import Iterator

import msgspec


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []


_decode = msgspec.json.Decoder(_Chunk).decode


def read_texts(events: bytes) -> Iterator[str]:
    """Yield the text of each whole event."""
    for line in events.split(b"\n"):
        if line.startswith(b"data:") and (data := line[5:].strip()) != b"[DONE]":
            for choice in _decode(data).choices:
                if choice.delta is not None and choice.delta.content:
                    yield choice.delta.content
