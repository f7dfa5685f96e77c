"""What the other side, the network and our own callers do wrong."""

import asyncio
import socket

import pytest

from patchbay.lib.http import (
    BrokenBodyError,
    ClosedError,
    ConnectError,
    ConnectTimeoutError,
    Guard,
    HttpClient,
    HttpError,
    HttpTimeoutError,
    Origin,
    ResetBeforeHeadError,
)
from patchbay.lib.http.connection import HIGH_WATER_BYTES
from patchbay.lib.http.pool import MAX_IDLE
from tests.lib.http.conftest import TLS
from tests.lib.http.raw_server import CHUNKED, Peer, RawServer, answering, chunk, serve, whole

LIMIT = 1 << 20


def origin_of(client: HttpClient, server: RawServer) -> Origin:
    return client.origin(server.url, private_allowed=True)


async def test_a_refused_connection_sent_nothing(client: HttpClient) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        origin = client.origin(f"http://127.0.0.1:{unheard.getsockname()[1]}", private_allowed=True)
        with pytest.raises(ConnectError, match=r"127\.0\.0\.1 cannot be reached"):
            await client.send(origin, "POST", "/")


async def test_a_server_that_does_not_take_connections_times_out() -> None:
    client = HttpClient(connect_seconds=0.05, tls=TLS)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        origin = client.origin(f"http://127.0.0.1:{full.getsockname()[1]}", private_allowed=True)
        with pytest.raises(ConnectTimeoutError):
            await client.send(origin, "POST", "/")
        for filler in fillers:
            filler.close()
    await client.close()


async def test_the_next_address_is_tried() -> None:
    async def two(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    client = HttpClient(guard=Guard(two), tls=TLS)
    async with serve(answering(whole(b"here"))) as server:
        origin = client.origin(f"http://two.test:{server.port}", private_allowed=True)
        assert await (await client.send(origin, "GET", "/")).read(LIMIT) == b"here"
    await client.close()


async def test_a_reset_before_the_head_of_a_fresh_connection_is_told(client: HttpClient) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with serve(script) as server:
        with pytest.raises(ResetBeforeHeadError) as caught:
            await client.send(origin_of(client, server), "POST", "/")
        assert (caught.value.reused, server.accepted) == (False, 1)


async def _serve_once(peer: Peer) -> None:
    """What each of these servers does first, so that the connection is kept."""
    await peer.request()
    await peer.send(whole(b"first"))


async def test_a_kept_connection_that_the_server_was_closing_is_replaced_once(client: HttpClient) -> None:
    async def script(peer: Peer) -> None:
        await _serve_once(peer)
        await peer.request()
        peer.reset()

    async with serve(script) as server:
        origin = origin_of(client, server)
        for _ in range(3):
            assert await (await client.send(origin, "POST", "/")).read(LIMIT) == b"first"
        assert server.accepted == 3


async def test_the_replacement_is_not_replaced_in_turn(client: HttpClient) -> None:
    async def script(peer: Peer) -> None:
        if peer.number == 1:
            await _serve_once(peer)
        await peer.request()
        peer.reset()

    async with serve(script) as server:
        origin = origin_of(client, server)
        await (await client.send(origin, "POST", "/")).read(LIMIT)
        with pytest.raises(ResetBeforeHeadError) as caught:
            await client.send(origin, "POST", "/")
        assert (caught.value.reused, server.accepted) == (False, 2)


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\nx:"])
async def test_a_request_is_not_sent_twice_once_its_answer_has_begun(client: HttpClient, begun: bytes) -> None:
    async def script(peer: Peer) -> None:
        await _serve_once(peer)
        await peer.request()
        await peer.send(begun)

    async with serve(script) as server:
        origin = origin_of(client, server)
        await (await client.send(origin, "POST", "/")).read(LIMIT)
        with pytest.raises(ResetBeforeHeadError) as caught:
            await client.send(origin, "POST", "/")
        assert (caught.value.reused, caught.value.stale, server.accepted) == (True, False, 1)


async def test_a_request_that_was_worked_on_for_a_while_is_not_sent_twice() -> None:
    """A closing connection shows at once; one that ends later may have cost its price."""
    client = HttpClient(read_seconds=4, tls=TLS)

    async def script(peer: Peer) -> None:
        await _serve_once(peer)
        await peer.request()
        while min(connection.quiet for connection in client._connections) < 2:  # noqa: ASYNC110 no event tells of silence
            await asyncio.sleep(0.01)

    async with serve(script) as server:
        origin = origin_of(client, server)
        await (await client.send(origin, "POST", "/")).read(LIMIT)
        with pytest.raises(ResetBeforeHeadError) as caught:
            await client.send(origin, "POST", "/")
        assert (caught.value.reused, caught.value.stale, server.accepted) == (True, False, 1)
    await client.close()


async def test_a_connection_closed_while_idle_is_not_taken(client: HttpClient) -> None:
    async with serve(answering(whole(b"once"), then_close=True)) as server:
        origin = origin_of(client, server)
        for _ in range(3):
            assert await (await client.send(origin, "POST", "/")).read(LIMIT) == b"once"
            await server.until_open(0)
        assert server.accepted == 3


async def test_bytes_on_an_idle_connection_end_it(client: HttpClient) -> None:
    said = asyncio.Event()

    async def script(peer: Peer) -> None:
        await _serve_once(peer)
        await said.wait()
        await peer.send(whole(b"unasked"))
        await peer.until_closed()

    async with serve(script) as server:
        origin = origin_of(client, server)
        assert await (await client.send(origin, "POST", "/")).read(LIMIT) == b"first"
        said.set()
        await server.until_open(0)
        assert await (await client.send(origin, "POST", "/")).read(LIMIT) == b"first"
        assert server.accepted == 2


@pytest.mark.parametrize(
    "begun", [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\npart", CHUNKED + chunk(b"part"), CHUNKED + b"9\r\npart"]
)
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
async def test_a_body_cut_short_gives_what_came_and_then_an_error(
    client: HttpClient, begun: bytes, reset: bool
) -> None:
    read = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begun)
        await read.wait()
        if reset:
            peer.reset()

    async with serve(script) as server:
        answer = await client.send(origin_of(client, server), "POST", "/")
        assert answer.status == 200
        assert await answer.chunk() == b"part"
        read.set()
        with pytest.raises(BrokenBodyError):
            await answer.chunk()


async def test_a_head_and_a_cut_body_that_come_together_are_still_an_answer(client: HttpClient) -> None:
    async with serve(answering(CHUNKED + chunk(b"part"), then_close=True)) as server:
        answer = await client.send(origin_of(client, server), "POST", "/")
        with pytest.raises(BrokenBodyError):
            await answer.read(LIMIT)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", CHUNKED + chunk(b"part")], ids=["none", "head", "body"])
async def test_silence_times_out(begun: bytes) -> None:
    client = HttpClient(read_seconds=0.08, tls=TLS)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begun)
        await peer.until_closed()

    async with serve(script) as server:
        with pytest.raises(HttpTimeoutError):
            await (await client.send(origin_of(client, server), "POST", "/")).read(LIMIT)
        await server.until_open(0)
    await client.close()


async def test_a_request_may_bear_a_longer_silence() -> None:
    client = HttpClient(read_seconds=0.08, tls=TLS)

    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.3)
        await peer.send(whole(b"thought"))

    async with serve(script) as server:
        answer = await client.send(origin_of(client, server), "POST", "/", read_seconds=5)
        assert await answer.read(LIMIT) == b"thought"
    await client.close()


async def test_an_idle_connection_is_dropped_after_its_time(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patchbay.lib.http.client.IDLE_SECONDS", 0.05)
    quick = HttpClient(read_seconds=0.2, tls=TLS)
    async with serve(answering(whole(b"x"))) as server:
        await (await quick.send(origin_of(quick, server), "POST", "/")).read(LIMIT)
        assert quick.open_connections == 1
        await server.until_open(0)
    assert quick.open_connections == 0


async def test_a_slow_reader_holds_the_server_back_and_gets_everything(client: HttpClient) -> None:
    sent = 0
    total = 16 * 1024 * 1024

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            peer.writer.write(b"x" * 65536)
            sent += 65536
            await peer.writer.drain()

    async with serve(script) as server:
        answer = await client.send(origin_of(client, server), "GET", "/")
        async with asyncio.timeout(20):
            while answer.buffered <= HIGH_WATER_BYTES:  # noqa: ASYNC110 nor of what is buffered
                await asyncio.sleep(0)
        for _ in range(200):  # it could send on if it were not held back
            await asyncio.sleep(0)
        assert sent < total
        assert answer.buffered < 4 * HIGH_WATER_BYTES
        size = 0
        while (piece := await answer.chunk()) is not None:
            size += len(piece)
        assert size == total


async def test_a_slow_reader_is_not_the_servers_silence() -> None:
    client = HttpClient(read_seconds=0.08, tls=TLS)
    body = b"x" * (8 * 1024 * 1024)
    async with serve(answering(whole(body))) as server:
        answer = await client.send(origin_of(client, server), "GET", "/")
        await asyncio.sleep(0.3)
        assert len(await answer.read(len(body))) == len(body)
    await client.close()


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", CHUNKED + chunk(b"part")], ids=["none", "head", "body"])
async def test_cancelling_closes_the_connection(client: HttpClient, begun: bytes) -> None:
    waiting = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begun)
        waiting.set()
        await peer.until_closed()

    async def call(server: RawServer) -> None:
        answer = await client.send(origin_of(client, server), "POST", "/")
        await answer.read(LIMIT)

    async with serve(script) as server:
        task = asyncio.create_task(call(server))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_open(0)
        assert client.open_connections == 0


@pytest.mark.parametrize("steps", range(12))
async def test_cancelling_at_any_step_of_connecting_leaks_nothing(client: HttpClient, steps: int) -> None:
    async with serve(answering(whole(b"x"))) as server:
        task = asyncio.create_task(client.send(origin_of(client, server), "POST", "/"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await server.until_open(client.open_connections)


async def test_closing_the_client_ends_what_is_under_way(client: HttpClient) -> None:
    waiting = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        waiting.set()
        await peer.until_closed()

    async with serve(script) as server:
        origin = origin_of(client, server)
        task = asyncio.create_task(client.send(origin, "POST", "/"))
        await waiting.wait()
        await client.close()
        with pytest.raises(ClosedError):
            await task
        with pytest.raises(ClosedError):
            await client.send(origin, "POST", "/")
        await server.until_open(0)


async def test_two_hundred_at_once_each_get_their_own_answer(client: HttpClient) -> None:
    async def echo(peer: Peer) -> None:
        while True:
            await peer.send(whole((await peer.request()).body))

    async def caller(number: int) -> None:
        for turn in range(5):
            body = f"{number}-{turn}".encode()
            answer = await client.send(origin, "POST", "/", (), body)
            assert await answer.read(LIMIT) == body

    async with serve(echo) as server:
        origin = origin_of(client, server)
        await asyncio.gather(*map(caller, range(200)))
        assert server.accepted <= 200
        assert client.open_connections == server.accepted


async def test_faults_among_many_leave_no_connection_behind(client: HttpClient) -> None:
    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            match int(request.body) % 5:
                case 0:
                    await peer.send(whole(b"fine"))
                case 1:
                    peer.reset()
                case 2:
                    await peer.send(CHUNKED + chunk(b"part"))
                    return
                case 3:
                    await peer.send(b"garbage\r\n\r\n")
                case 4:
                    await peer.send(CHUNKED + chunk(b"never ending"))
                    await peer.until_closed()

    async def call(number: int) -> str:
        try:
            answer = await client.send(origin, "POST", "/", (), str(number).encode())
            if number % 5 == 4:
                await answer.chunk()
                answer.close()
                return "given up"
            return (await answer.read(LIMIT)).decode()
        except HttpError as error:
            return type(error).__name__

    async with serve(script) as server:
        origin = origin_of(client, server)
        outcomes = await asyncio.gather(*map(call, range(200)))
        assert set(outcomes[::5]) == {"fine"}
        assert set(outcomes[1::5]) == {"ResetBeforeHeadError"}
        assert set(outcomes[2::5]) == {"BrokenBodyError"}
        assert set(outcomes[3::5]) == {"BadAnswerError"}
        assert set(outcomes[4::5]) == {"given up"}
        await server.until_open(client.open_connections)
        assert client.open_connections <= 40


async def test_few_idle_connections_are_kept(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_IDLE >= 64
    monkeypatch.setattr("patchbay.lib.http.pool.MAX_IDLE", 3)
    everyone = asyncio.Barrier(8)

    async def script(peer: Peer) -> None:
        await peer.request()
        await everyone.wait()
        await peer.send(whole(b"x"))
        await peer.until_closed()

    async with serve(script) as server:
        origin = origin_of(client, server)
        await asyncio.gather(*[client.send(origin, "POST", "/") for _ in range(8)])
        await server.until_open(3)
        assert client.open_connections == 3
