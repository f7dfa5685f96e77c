"""A client that calls an ASGI app in-process as a server would, and can leave in the midst of an answer."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from patchbay.lib.asgi.types import ASGIApp, Message


@dataclass
class Answer:
    """What came back; `events` are the server-sent ones, as (name, value)."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Any]]:
        return [event for block in self.body.decode().split("\n\n") if (event := _event(block))]


def _event(block: str) -> tuple[str, Any] | None:
    fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
    return (fields["event"], json.loads(fields["data"])) if fields else None


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    value: Any = None,
    body: bytes | list[bytes] = b"",
    headers: dict[str, str] | None = None,
    leave_when: Callable[[Answer], bool] | None = None,
    leaving: asyncio.Event | None = None,
    stuck_when: Callable[[Answer], bool] | None = None,
    seconds: float = 10.0,
) -> Answer:
    """Make one request; `value` is sent as JSON, a list of bytes in pieces.

    The client hangs up on `leave_when`, or once `leaving` is set; from `stuck_when` on it takes nothing any more.
    """
    path, _, query = path.partition("?")
    if value is not None:
        body = json.dumps(value).encode()
        headers = {"content-type": "application/json"} | (headers or {})
    pieces = body if isinstance(body, list) else [body]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("testserver", 80),
        "client": ("203.0.113.7", 50000),
        "headers": [(name.lower().encode(), text.encode()) for name, text in (headers or {}).items()],
    }
    answer = Answer()
    gone = leaving or asyncio.Event()
    unread = list(pieces)

    async def receive() -> Message:
        if unread:
            piece = unread.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(unread)}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if gone.is_set():
            return  # as uvicorn does: what is sent to a closed connection is dropped
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode().lower(): text.decode() for name, text in message["headers"]}
        else:
            answer.body += message.get("body", b"")
            answer.complete = not message.get("more_body", False)
        if leave_when and leave_when(answer):
            gone.set()
        if stuck_when and stuck_when(answer):
            await asyncio.Event().wait()

    async with asyncio.timeout(seconds):
        await app(scope, receive, send)
    gone.set()
    return answer
