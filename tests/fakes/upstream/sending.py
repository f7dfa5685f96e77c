"""How an answer leaves, with the faults of its connection. A whole body is two parts, a stream one part an event."""

import asyncio

from tests.fakes.upstream.edits import HUGE_BYTES, repeated
from tests.fakes.upstream.scripts import Fault, Script
from tests.fakes.upstream.writing import Connection, GoneError
from tests.fakes.vendors.answers import Answer

_BLOCK = b" " * 65536


async def send(
    connection: Connection, script: Script, answer: Answer, sent: bytearray, gate: asyncio.Event | None
) -> None:
    """Write an answer, noting its body bytes in `sent`; GoneError where the connection ends."""
    fault = script.fault
    if fault is Fault.RESET_BEFORE_HEAD:
        connection.reset()
    if fault is Fault.STALL_BEFORE_HEAD:
        await connection.until_gone()
    if fault is Fault.NOT_HTTP:
        await connection.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        raise GoneError
    chunked = answer.events is not None or fault in (Fault.ENDLESS, Fault.CLOSED_INSIDE_BODY)
    await connection.head(answer.status, _head(script, answer, chunked=chunked))
    half = len(answer.body) // 2
    parts = answer.events if answer.events is not None else (answer.body[:half], answer.body[half:])
    for index, part in enumerate(parts):
        if gate is not None and index == script.gate_at:
            await connection.wait_for(gate.wait())
        if script.pace_seconds and index:
            await asyncio.sleep(script.pace_seconds)
        if index == 1:
            await _break(connection, fault, part, chunked=chunked)
            await _swell(connection, fault, answer, sent)
        sent += part
        await _write(connection, part, chunked=chunked)
    if chunked:
        await connection.write(b"0\r\n\r\n")


def _head(script: Script, answer: Answer, *, chunked: bool) -> dict[str, str]:
    kind = "application/json" if answer.events is None else "text/event-stream; charset=utf-8"
    if script.fault is Fault.WRONG_CONTENT_TYPE:
        kind = "text/html"
    length = {"transfer-encoding": "chunked"} if chunked else {"content-length": str(len(answer.body))}
    return {"content-type": kind, **length, **answer.headers}


async def _write(connection: Connection, part: bytes, *, chunked: bool) -> None:
    if chunked:
        part = b"%x\r\n%b\r\n" % (len(part), part) if part else b""
    if part:
        await connection.write(part)


async def _break(connection: Connection, fault: Fault | None, part: bytes, *, chunked: bool) -> None:
    """End or hold the connection after the first part."""
    if fault is Fault.RESET_INSIDE_EVENT:
        await connection.write((b"%x\r\n" % len(part) if chunked else b"") + part[: len(part) // 2])
    if fault in (Fault.RESET_INSIDE_EVENT, Fault.RESET_AFTER_FIRST_EVENT):
        await asyncio.sleep(0)
        connection.reset()
    if fault is Fault.CLOSED_INSIDE_BODY:
        raise GoneError
    if fault is Fault.STALL_AFTER_FIRST_EVENT:
        await connection.until_gone()


async def _swell(connection: Connection, fault: Fault | None, answer: Answer, sent: bytearray) -> None:
    """Send text over and over: for ever, or up to 50 MB. What is sent is not kept."""
    if fault is Fault.ENDLESS and answer.events is None:
        while True:
            await _write(connection, _BLOCK, chunked=True)
    if answer.events is not None and fault in (Fault.ENDLESS, Fault.HUGE):
        words = repeated(answer.events)
        block = words * max(1, len(_BLOCK) // len(words))
        for _ in range(HUGE_BYTES // len(block) + 1):
            await _write(connection, block, chunked=True)
        while fault is Fault.ENDLESS:
            await _write(connection, block, chunked=True)
