"""Bodies that are too large for the app behind, on real sockets."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import httpx
import pytest
import uvicorn
from django.core.asgi import get_asgi_application

from patchbay.lib.asgi.limits import BodyLimit
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.lib.asgi.types import ASGIApp, Receive, Scope, Send

MEGABYTE = 1024 * 1024
LIMIT = 8 * MEGABYTE


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, *, drain_seconds: int) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """Serve an app behind the limit; gives the server and its port."""
    app = Dispatcher([], BodyLimit(app, LIMIT))
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=drain_seconds)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield server, listener.getsockname()[1]
    server.should_exit = True
    async with asyncio.timeout(10):
        await task


@pytest.fixture
async def base_url() -> AsyncIterator[str]:
    async with serving(cast(ASGIApp, get_asgi_application()), drain_seconds=5) as (_, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def http(base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as client:
        yield client


class Upload:
    """A body of so many megabytes, sent piece by piece; `sent` counts the bytes that left."""

    def __init__(self, megabytes: int) -> None:
        self._megabytes = megabytes
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._megabytes):
            self.sent += MEGABYTE
            yield bytes(MEGABYTE)


def written() -> int:
    """Bytes that this process wrote to files."""
    line = next(line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("wchar"))
    return int(line.split()[1])


def is_refused(answer: httpx.Response) -> bool:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get_list("x-request-id") == [answer.json()["request_id"]]
    assert answer.headers["connection"] == "close"
    return answer.status_code == 413 and answer.json()["limit_bytes"] == LIMIT


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a slow machine's client send all it has."""
    monkeypatch.setattr("patchbay.lib.asgi.limits.LINGER_SECONDS", 60)


@pytest.mark.usefixtures("patient")
async def test_a_body_that_declares_too_much_is_refused_before_any_of_it_is_kept(http: httpx.AsyncClient) -> None:
    before = written()
    answer = await http.post("/nowhere", content=Upload(200), headers={"content-length": str(200 * MEGABYTE)})
    assert is_refused(answer)
    assert written() - before < MEGABYTE


@pytest.mark.usefixtures("patient")
async def test_a_body_of_unknown_size_is_refused_where_it_passes_the_limit(http: httpx.AsyncClient) -> None:
    before = written()
    answer = await http.post("/nowhere", content=Upload(200))
    assert is_refused(answer)
    assert written() - before < LIMIT + MEGABYTE


@pytest.mark.usefixtures("patient")
async def test_a_body_within_the_limit_reaches_the_app_and_so_does_the_next(http: httpx.AsyncClient) -> None:
    assert (await http.post("/nowhere", content=Upload(200))).status_code == 413
    for _ in range(2):
        assert (await http.post("/nowhere", content=Upload(7))).status_code in (403, 404)


async def test_who_asks_before_sending_is_answered_at_once(base_url: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(base_url.rpartition(":")[2]))
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 200000000\r\n\r\n")
    async with asyncio.timeout(1.5):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()


async def test_an_upload_that_stalls_while_the_server_drains_is_told_so() -> None:
    reading = asyncio.Event()

    async def spool(scope: Scope, receive: Receive, send: Send) -> None:
        reading.set()
        while (await receive())["more_body"]:
            pass

    async with serving(spool, drain_seconds=0) as (server, port), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/plugs/x/documents HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf of it")
        await reading.wait()
        server.should_exit = True
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 2" in head
    assert head.lower().count(b"x-request-id") == 1
    assert json.loads(body)["code"] == "unavailable"


async def test_a_client_that_never_ends_is_dropped_after_a_while(
    base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patchbay.lib.asgi.limits.LINGER_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(base_url.rpartition(":")[2]))
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000000\r\n\r\nbegun")
    async with asyncio.timeout(5):
        answer = await reader.read()  # ends when the server closes
    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()
