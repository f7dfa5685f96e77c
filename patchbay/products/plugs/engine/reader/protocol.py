"""What the worker and the reader process say to each other: length-prefixed MessagePack over pipes."""

import struct
from typing import Literal

import msgspec

from patchbay.products.plugs.engine.digest import Digest

LENGTH = struct.Struct(">I")
Failure = Literal["", "unreadable", "crashed", "time", "memory"]


class Job(msgspec.Struct):
    """A file to read within limits: CPU and wall seconds, bytes of address space."""

    path: str
    media_type: str
    cpu_seconds: int
    wall_seconds: float
    memory_bytes: int


class Reply(msgspec.Struct):
    """The digest, or why there is none; what the reading took."""

    digest: Digest | None = None
    failure: Failure = ""
    message: str = ""
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


def pack(message: Job | Reply) -> bytes:
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body
