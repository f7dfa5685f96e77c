"""The connection to Redis: it signs in, chooses the database, and tells replies apart."""

import asyncio
import socket

import pytest

from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared.link import Link
from tests.redis_server import RedisServer, redis_server


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def test_replies_come_in_the_order_of_their_commands(link: Link) -> None:
    await asyncio.gather(*(link.call("SET", f"name{number}", number) for number in range(100)))
    found = await asyncio.gather(*(link.call("GET", f"name{number}") for number in range(100)))
    assert found == [str(number).encode() for number in range(100)]


async def test_what_is_not_there_is_none_and_bytes_stay_bytes(link: Link) -> None:
    assert await link.call("GET", "nothing") is None
    await link.call("SET", "raw", b"\x00\xff\r\n")
    assert await link.call("GET", "raw") == b"\x00\xff\r\n"


async def test_a_large_reply_arrives_whole(link: Link) -> None:
    await link.call("SET", "large", b"x" * 3_000_000)
    assert len(await link.call("GET", "large")) == 3_000_000


async def test_an_error_of_redis_is_no_answer_and_no_end(link: Link) -> None:
    with pytest.raises(UnavailableError):
        await link.call("NONSENSE")
    assert await link.call("PING") in {"PONG", b"PONG"}


async def test_it_signs_in_and_chooses_the_database_over_tcp() -> None:
    port = free_port()
    with redis_server("--requirepass", "s3cret", "--port", str(port)) as server:
        assert b"NOAUTH" in server.run("GET x")
        links = [Link(f"redis://:s3cret@127.0.0.1:{port}/{number}") for number in (1, 2)]
        await links[0].call("SET", "name", "first")
        assert await links[1].call("GET", "name") is None
        assert await links[0].call("GET", "name") == b"first"
        for link in links:
            await link.close()


@pytest.mark.parametrize("url", ["redis://:wrong@127.0.0.1:{port}", "redis://127.0.0.1:{port}"])
async def test_who_may_not_sign_in_is_refused(url: str) -> None:
    port = free_port()
    with redis_server("--requirepass", "s3cret", "--port", str(port)):
        link = Link(url.format(port=port))
        with pytest.raises(UnavailableError):
            await link.call("GET", "name")
        await link.close()


async def test_what_is_no_redis_is_away() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    link = Link(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(UnavailableError):
        await link.call("GET", "name")
    await link.close()
    server.close()


async def test_a_command_in_flight_when_redis_dies_fails_at_once(link: Link, redis: RedisServer) -> None:
    await link.call("PING")
    waiting = asyncio.create_task(link.call("BLPOP", "nothing", 30))
    await asyncio.sleep(0.05)
    redis.kill()
    with pytest.raises(UnavailableError):
        async with asyncio.timeout(5):
            await waiting
