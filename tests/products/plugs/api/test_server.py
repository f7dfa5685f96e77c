"""The chat door behind the real server, on real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from tests.products.plugs.api.conftest import World


@pytest.fixture
async def base_url(world: World) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(world.app, lifespan="off", log_config=None, timeout_graceful_shutdown=5))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    async with asyncio.timeout(10):
        await serving


def client(world: World, base_url: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {world.key.secret}"}
    return httpx.AsyncClient(base_url=base_url, headers=headers, timeout=10, trust_env=False)


async def test_a_stream_reaches_a_client_piece_by_piece(world: World, base_url: str) -> None:
    gate = asyncio.Event()
    world.answers("Thirty ", "days.", gate=gate)
    body = {"message": "How long?", "plugin_id": "terms", "stream": True}
    async with client(world, base_url) as http, http.stream("POST", "/v1/chat", json=body) as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "event: delta"
        gate.set()
        rest = [line async for line in lines if line.startswith("event: ")]
    assert rest == ["event: delta", "event: citation", "event: done"]
    assert answer.headers["x-request-id"] == world.meter.charges[0].act.request_id


async def test_a_connection_cut_in_the_midst_is_billed_for_what_was_produced(world: World, base_url: str) -> None:
    gate = asyncio.Event()
    world.answers("Thirty ", "days.", gate=gate)
    body = {"message": "How long?", "plugin_id": "terms", "stream": True}
    async with client(world, base_url) as http, http.stream("POST", "/v1/chat", json=body) as answer:
        await anext(answer.aiter_lines())
    gate.set()
    async with asyncio.timeout(10):
        await world.meter.settled.wait()
    assert world.meter.charges[0].usage.completion == 34
    assert not world.meter.held


async def test_one_connection_serves_many_answers(world: World, base_url: str) -> None:
    async with client(world, base_url) as http:
        answers = [await http.post("/v1/chat", json={"message": "How long?", "plugin_id": "terms"}) for _ in range(3)]
        refused = await http.post("/v1/chat", json={"message": "How long?", "plugin_id": "other"})
    assert [answer.status_code for answer in answers] == [200] * 3
    assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")


async def test_a_shutdown_waits_for_the_answers_under_way(world: World) -> None:
    gate = asyncio.Event()
    provider = world.answers("Thirty ", "days.", gate=gate)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(world.app, lifespan="off", log_config=None, timeout_graceful_shutdown=10))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with client(world, url) as http:
        asking = asyncio.create_task(http.post("/v1/chat", json={"message": "How long?", "plugin_id": "terms"}))
        await provider.called.wait()
        server.should_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(serving), 0.3)
        gate.set()
        assert (await asking).json()["answer"] == "Thirty days."
    await serving
    assert len(world.meter.charges) == 1
