"""A Redis and links to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from patchbay.lib.epoch import Epoch
from patchbay.lib.shared.epoch import RedisEpoch, SharedEpoch
from patchbay.lib.shared.link import Link
from patchbay.lib.shared.redis_rates import RedisRates
from tests.redis_server import RedisServer, redis_server


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The server's own loop, whose transports are not quite asyncio's."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def link(redis: RedisServer) -> AsyncIterator[Link]:
    link = Link(redis.url)
    yield link
    await link.close()


@pytest.fixture
def machine(redis: RedisServer, tmp_path: Path) -> SharedEpoch:
    """The epoch of one machine."""
    return SharedEpoch(Epoch(tmp_path / "here"), RedisEpoch(redis.url))


@pytest.fixture
def elsewhere(redis: RedisServer, tmp_path: Path) -> SharedEpoch:
    """The epoch of another machine, which shares no folder."""
    return SharedEpoch(Epoch(tmp_path / "elsewhere"), RedisEpoch(redis.url))


@pytest.fixture
def rates(link: Link, machine: SharedEpoch) -> RedisRates:
    return RedisRates(link, machine)
