"""A strict OpenAI-compatible server on loopback: refuses wrong calls, streams right ones, and fails when told to.

It speaks the chat completions wire format over real HTTP/1.1 (keep-alive, chunked bodies), so that the client under
test meets real sockets. Every call it accepted is in `calls`.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

API_KEY = "sk-fake-0123456789abcdef"
_KNOWN = {"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature"}
_ROLES = {"system", "user", "assistant"}


@dataclass
class Script:
    """How the server answers one call. Text is streamed in `pieces`; `usage` None leaves the count out."""

    pieces: tuple[str, ...] = ("Hello", " world", ".")
    usage: dict[str, Any] | None = field(
        default_factory=lambda: {"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234}
    )
    finish_reason: str | None = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    reset_before_head: bool = False
    reset_after_pieces: int | None = None
    stall_after_pieces: int | None = None
    raw_event: str | None = None
    content_type: str = "text/event-stream"
    gate: asyncio.Event | None = None
    """When given, the rest of the answer after the first piece waits for it."""


class FakeOpenAI:
    """Answers each call by the next of `scripts`, then by the default one."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.calls: list[dict[str, Any]] = []
        self.closed_early = asyncio.Event()
        self.base_url = ""

    def then(self, script: Script) -> None:
        self.scripts.append(script)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_early.set()
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False
        request_line, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if fault := _fault(request_line, headers, body):
            await _send_json(writer, *fault)
            return True
        self.calls.append(json.loads(body))
        script = self.scripts.pop(0) if self.scripts else Script()
        if script.reset_before_head:
            writer.transport.abort()
            return False
        if script.status != 200:
            error = {"error": {"message": f"scripted {script.status}", "type": "scripted"}}
            await _send_json(writer, script.status, error, script.headers)
            return True
        return await self._stream(script, writer)

    async def _stream(self, script: Script, writer: asyncio.StreamWriter) -> bool:
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {script.content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )
        for index, piece in enumerate(script.pieces):
            if script.reset_after_pieces == index:
                writer.transport.abort()
                return False
            if script.stall_after_pieces == index:
                await asyncio.sleep(3600)
            if script.gate and index == 1:
                await script.gate.wait()
            await _event(writer, _chunk([{"index": 0, "delta": {"content": piece}, "finish_reason": None}]))
        if script.raw_event is not None:
            await _event(writer, script.raw_event)
        if script.finish_reason:
            await _event(writer, _chunk([{"index": 0, "delta": {}, "finish_reason": script.finish_reason}]))
            if script.usage is not None:
                await _event(writer, _chunk([], script.usage))
            await _event(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


def _fault(request_line: str, headers: dict[str, str], body: bytes) -> tuple[int, Any] | None:
    """Return status and body for a call that the real server would refuse."""
    if request_line != "POST /v1/chat/completions HTTP/1.1":
        return 404, _error(f"unknown route {request_line}")
    if headers.get("authorization") != f"Bearer {API_KEY}":
        return 401, _error("wrong key")
    if headers.get("content-type") != "application/json":
        return 415, _error("not JSON")
    call = json.loads(body)
    if unknown := set(call) - _KNOWN:
        return 400, _error(f"unknown {unknown}")
    messages = call.get("messages")
    if not messages or any(set(m) != {"role", "content"} or m["role"] not in _ROLES for m in messages):
        return 400, _error("bad messages")
    if call.get("stream") is not True or call.get("stream_options") != {"include_usage": True}:
        return 400, _error("must stream with usage")
    if call.get("max_tokens", 0) < 1 or not call.get("model"):
        return 400, _error("needs max_tokens and model")
    return None


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error"}}


def _chunk(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> str:
    return json.dumps(
        {
            "id": "chatcmpl-fake",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "fake",
            "choices": choices,
            "usage": usage,
        }
    )


async def _event(writer: asyncio.StreamWriter, data: str) -> None:
    payload = f"data: {data}\n\n".encode()
    writer.write(f"{len(payload):x}\r\n".encode() + payload + b"\r\n")
    await writer.drain()


async def _send_json(writer: asyncio.StreamWriter, status: int, body: Any, extra: dict[str, str] | None = None) -> None:
    payload = json.dumps(body).encode()
    head = {"content-type": "application/json", "content-length": str(len(payload)), **(extra or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode() + payload)
    await writer.drain()


@contextlib.asynccontextmanager
async def fake_openai() -> AsyncIterator[FakeOpenAI]:
    """Serve a fake on a free port of loopback for the length of the block."""
    fake = FakeOpenAI()
    tasks: set[asyncio.Task[None]] = set()

    def accept(handler: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.ensure_future(handler(reader, writer)))

        return start

    server = await asyncio.start_server(accept(fake.handle), "127.0.0.1", 0)
    fake.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield fake
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
