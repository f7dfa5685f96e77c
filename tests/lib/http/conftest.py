"""The client runs on uvloop in the product; both loops must carry it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvloop

from patchbay.lib.http import HttpClient


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return request.param()


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient(connect_seconds=2, read_seconds=5)
    yield client
    await client.close()
    assert client.open_connections == 0
