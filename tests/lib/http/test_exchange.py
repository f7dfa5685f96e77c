"""Requests as they are written, answers as they are read."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patchbay.lib.http import (
    BadAnswerError,
    ClosedError,
    HeadTooLargeError,
    HttpAnswer,
    HttpClient,
    HttpTooLargeError,
)
from tests.lib.http.raw_server import CHUNKED, Peer, Request, answering, chunk, chunked, serve, whole

LIMIT = 1 << 20


async def fetch(client: HttpClient, url: str, method: str = "POST", body: bytes = b"{}") -> tuple[HttpAnswer, bytes]:
    async with asyncio.timeout(10):
        answer = await client.send(client.origin(url, private_allowed=True), method, "/", (), body)
        return answer, await answer.read(LIMIT)


async def test_a_request_is_written_as_it_was_meant(client: HttpClient) -> None:
    seen: list[Request] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(whole(b"yes", "Retry-After: 7", "x-a: 1", "X-A: 2"))

    async with serve(script) as server:
        origin = client.origin(f"{server.url}/v1/", private_allowed=True, headers=[(b"authorization", b"Bearer k")])
        answer = await client.send(origin, "POST", "/chat?beta=true", [(b"x-key", b"k\xc3\xa9y")], b'{"a": 1}')
        assert await answer.read(LIMIT) == b"yes"
    assert answer.status == 200
    assert answer.header(b"retry-after") == "7"
    assert answer.header(b"x-a") == "1"
    assert answer.header(b"absent") is None
    assert answer.headers[1:] == [(b"Retry-After", b"7"), (b"x-a", b"1"), (b"X-A", b"2")]
    assert "Bearer" not in repr(origin)
    [request] = seen
    assert request.line == "POST /v1/chat?beta=true HTTP/1.1"
    assert request.body == b'{"a": 1}'
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "authorization": "Bearer k",
        "x-key": "kÃ©y",
        "content-length": "8",
    }


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/a b", []),
        ("/a\r\nx: y", []),
        ("no-slash", []),
        ("/é", []),
        ("/", [(b"x", b"1\r\nhost: other")]),
        ("/", [(b"x", b"1\n")]),
        ("/", [(b"x\r", b"1")]),
        ("/", [(b"x", b"\0")]),
        ("/", [(b"Host", b"other")]),
        ("/", [(b"content-length", b"0")]),
        ("/", [(b"Transfer-Encoding", b"chunked")]),
    ],
)
async def test_a_request_that_could_be_read_in_two_ways_is_not_sent(
    client: HttpClient, path: str, headers: list[tuple[bytes, bytes]]
) -> None:
    async with serve(answering(whole(b""))) as server:
        with pytest.raises(ValueError, match=r"request|ascii"):
            await client.send(client.origin(server.url, private_allowed=True), "GET", path, headers)
        with pytest.raises(ValueError, match=r"request|ascii"):
            await client.send(client.origin(server.url, private_allowed=True, headers=headers), "GET", path)
        assert server.accepted == 0


async def test_one_connection_serves_one_exchange_after_another(client: HttpClient) -> None:
    answers = [whole(b"one"), chunked(b"t", b"wo"), b"HTTP/1.1 204 No Content\r\n\r\n", whole(b"", status="304 Same")]
    async with serve(answering(*answers)) as server:
        bodies = [(await fetch(client, server.url))[1] for _ in range(8)]
        assert server.accepted == 1
    assert bodies == [b"one", b"two", b"", b""] * 2


async def test_a_large_body_arrives_whole(client: HttpClient) -> None:
    body = bytes(range(256)) * 8192

    async def script(peer: Peer) -> None:
        while True:
            await peer.send(whole((await peer.request()).body))

    async with serve(script) as server:
        for _ in range(2):
            answer = await client.send(client.origin(server.url, private_allowed=True), "POST", "/", (), body)
            assert await answer.read(len(body)) == body
        assert server.accepted == 1


async def test_a_head_without_a_body_is_no_promise_of_one(client: HttpClient) -> None:
    async with serve(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", whole(b"next"))) as server:
        answer, body = await fetch(client, server.url, "HEAD", b"")
        assert (answer.header(b"content-length"), body) == ("99", b"")
        assert (await fetch(client, server.url))[1] == b"next"
        assert server.accepted == 1


async def test_a_body_may_end_with_the_connection(client: HttpClient) -> None:
    async with serve(answering(b"HTTP/1.1 200 OK\r\n\r\nto the end", then_close=True)) as server:
        assert (await fetch(client, server.url))[1] == b"to the end"
        assert (await fetch(client, server.url))[1] == b"to the end"
        assert server.accepted == 2


async def test_a_connection_that_says_close_is_not_used_again(client: HttpClient) -> None:
    async with serve(answering(whole(b"last", "connection: close"))) as server:
        for _ in range(2):
            assert (await fetch(client, server.url))[1] == b"last"
        assert server.accepted == 2
        await server.until_open(0)


async def test_interim_answers_are_passed_over(client: HttpClient) -> None:
    interim = b"HTTP/1.1 100 Continue\r\nx-interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    async with serve(answering(interim + whole(b"final"))) as server:
        answer, body = await fetch(client, server.url)
    assert (answer.status, body, answer.header(b"x-interim")) == (200, b"final", None)


async def test_trailers_are_not_headers(client: HttpClient) -> None:
    trailed = CHUNKED + chunk(b"body") + b"0\r\nx-late: 1\r\n\r\n"
    async with serve(answering(trailed, whole(b"next"))) as server:
        answer, body = await fetch(client, server.url)
        assert (body, answer.header(b"x-late")) == (b"body", None)
        assert (await fetch(client, server.url))[1] == b"next"
        assert server.accepted == 1


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_where_an_answer_is_split_makes_no_difference(client: HttpClient, data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    stream = whole(b"".join(pieces)) if data.draw(st.booleans()) else chunked(*pieces)
    stream = data.draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"])) + stream
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=8)))
    parts = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*parts)

    async with serve(script) as server:
        for _ in range(2):
            assert (await fetch(client, server.url))[1] == b"".join(pieces)
        assert server.accepted == 1


async def test_chunks_come_as_they_arrive(client: HttpClient) -> None:
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunk(b"first"))
        await more.wait()
        await peer.send(chunk(b"second") + chunk(b"third") + b"0\r\n\r\n")

    async with serve(script) as server:
        answer = await client.send(client.origin(server.url, private_allowed=True), "GET", "/")
        assert await answer.chunk() == b"first"
        assert answer.try_chunk() == b""
        assert not answer.ended
        more.set()
        assert await answer.chunk() == b"secondthird"
        assert await answer.chunk() is None
        assert answer.try_chunk() is None
        assert answer.ended


async def test_an_answer_that_has_come_in_frees_its_connection_before_it_is_read(client: HttpClient) -> None:
    async with serve(answering(whole(b"one"), whole(b"two"))) as server:
        origin = client.origin(server.url, private_allowed=True)
        first = await client.send(origin, "GET", "/")
        second = await client.send(origin, "GET", "/")
        assert (await first.read(LIMIT), await second.read(LIMIT)) == (b"one", b"two")
        first.close()
        assert server.accepted == 1


async def test_a_closed_answer_takes_its_connection_with_it(client: HttpClient) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunk(b"part"))
        await peer.until_closed()

    async with serve(script) as server:
        answer = await client.send(client.origin(server.url, private_allowed=True), "GET", "/")
        answer.close()
        await server.until_open(0)
        with pytest.raises(ClosedError):
            await answer.chunk()


async def test_a_body_over_the_limit_is_refused_and_given_up(client: HttpClient) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        while True:
            await peer.send(chunk(b"x" * 8192))

    async with serve(endless) as server:
        answer = await client.send(client.origin(server.url, private_allowed=True), "GET", "/")
        with pytest.raises(HttpTooLargeError):
            await answer.read(100_000)
        await server.until_open(0)


GARBAGE = {
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "a length beside chunks": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "compressed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\ncontent-length: 1\r\n\r\n\x1f",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_is_refused_and_its_connection_closed(client: HttpClient, garbage: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(garbage)
        await peer.until_closed()

    async with serve(script) as server:
        with pytest.raises(BadAnswerError):
            await fetch(client, server.url)
        await server.until_open(0)


async def test_a_bad_chunk_breaks_the_body_but_not_what_came_before(client: HttpClient) -> None:
    async with serve(answering(CHUNKED + chunk(b"good") + b"zz\r\nbad\r\n")) as server:
        with pytest.raises(BadAnswerError):
            await fetch(client, server.url)


HUGE = {
    "one header without end": [b"HTTP/1.1 200 OK\r\nx: ", *[b"y" * 4096] * 20],
    "many headers in one piece": [b"HTTP/1.1 200 OK\r\n" + b"x-y: 0123456789\r\n" * 6000 + b"\r\n"],
    "interim answers without end": [b"HTTP/1.1 100 Continue\r\n\r\n" * 400] * 10,
    "trailers without end": [CHUNKED, b"0\r\n", *[b"x-y: 0123456789\r\n" * 400] * 12],
}


@pytest.mark.parametrize("pieces", HUGE.values(), ids=HUGE.keys())
async def test_a_huge_head_is_refused(client: HttpClient, pieces: list[bytes]) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)
        await peer.until_closed()

    async with serve(script) as server:
        with pytest.raises(HeadTooLargeError):
            await fetch(client, server.url)
        await server.until_open(0)


async def test_a_large_body_is_not_a_large_head(client: HttpClient) -> None:
    body = b"z" * 300_000
    async with serve(answering(whole(body, "x-pad: " + "p" * 60_000))) as server:
        assert (await fetch(client, server.url))[1] == body


async def test_an_answer_too_many_reaches_nobody(client: HttpClient) -> None:
    async with serve(answering(whole(b"asked") + whole(b"unasked"))) as server:
        for _ in range(2):
            assert (await fetch(client, server.url))[1] == b"asked"
        assert server.accepted == 2
