"""The client runs on uvloop in the product; both loops must carry it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from patchbay.lib.http import HttpClient

# Reading the system's authorities takes longer than most of these tests.
TLS = ssl.create_default_context()


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient(connect_seconds=20, read_seconds=20, tls=TLS)
    yield client
    await client.close()
    assert client.open_connections == 0
