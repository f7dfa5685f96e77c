"""Clients that leave or take nothing any more: what is read on for them, what they pay, and that all is given back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from patchbay.lib.asgi import streams
from patchbay.products.gateway.engine import calls, metrics
from tests.asgi import Answer
from tests.fakes.upstream import Script
from tests.products.gateway.api.conftest import BODIES, PATHS, House

DOORS: list[tuple[str, Any, str]] = [
    ("chat", "openai", "gpt"),
    ("responses", "openai", "gpt"),
    ("messages", "anthropic", "claude"),
    ("messages", "openai", "gpt"),
]


def has_begun(answer: Answer) -> bool:
    return bool(answer.body)


async def whole_usage(house: House, door: str, model: str) -> Any:
    """Return what the same request is charged when its client stays."""
    await house.ask(door, model, stream=True)
    charge = house.meter.charges.pop()
    assert charge.outcome == "answered"
    return charge.usage


@pytest.mark.parametrize(("door", "kind", "model"), DOORS)
@pytest.mark.parametrize("gate_at", [0, 2])
async def test_a_stream_is_read_on_and_billed_by_the_vendors_own_count(
    house: House, door: str, kind: Any, model: str, gate_at: int
) -> None:
    alias = house.alias("m", (kind, model), provider={"max_concurrent": 1})
    expected = await whole_usage(house, door, alias)
    fake = house.openai if kind == "openai" else house.anthropic
    fake.then(Script(gate="g", gate_at=gate_at))
    leaving = asyncio.Event()
    asking = asyncio.create_task(house.ask(door, alias, stream=True, leaving=leaving))
    await fake.until_calls(2)
    leaving.set()
    fake.open("g")
    await asking
    [charge] = house.meter.charges
    assert charge.usage == expected
    assert gate_at == 0 or charge.outcome == "cut"  # what comes in one piece is over before anyone could leave
    assert not fake.calls[-1].cut
    assert not house.notes.failures
    await house.nothing_is_left()
    assert (await house.ask(door, alias)).status == 200, "the place is free again"


@pytest.mark.parametrize(("door", "kind", "model"), DOORS)
async def test_by_the_rule_cancel_the_vendor_is_left_at_once_and_what_was_written_is_billed(
    house: House, door: str, kind: Any, model: str
) -> None:
    house.rules["cut_policy"] = "cancel"
    fake = house.openai if kind == "openai" else house.anthropic
    fake.then(Script(gate="never", gate_at=4))
    await house.ask(door, house.alias("m", (kind, model)), stream=True, leave_when=has_begun)
    await fake.until_open_connections(0)
    assert fake.calls[-1].cut
    [charge] = house.meter.charges
    assert (charge.outcome, charge.usage.estimated) == ("cut", True)
    assert charge.cost_micro > 0
    await house.nothing_is_left()


async def test_a_vendor_that_falls_silent_is_not_waited_for_beyond_the_bound(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LEFT_SECONDS", 0.05)
    house.openai.then(Script(gate="never", gate_at=2))
    await house.ask("chat", house.alias("m", ("openai", "gpt")), stream=True, leave_when=has_begun)
    await house.openai.until_open_connections(0)
    assert house.meter.charges[0].usage.estimated
    await house.nothing_is_left()


async def test_the_bound_is_of_the_whole_time_and_not_of_each_silence(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LEFT_SECONDS", 0.05)
    model = house.alias("m", ("openai", "gpt+paced-2000-5"))
    async with asyncio.timeout(5):
        await house.ask("chat", model, stream=True, leave_when=has_begun)
    assert house.meter.charges[0].usage.estimated


async def test_only_so_many_are_read_on_for_and_the_rest_are_cancelled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MAX_LEFT", 1)
    house.openai.then(*[Script(gate="g", gate_at=2) for _ in range(3)])
    model = house.alias("m", ("openai", "gpt"))
    asking = [asyncio.create_task(house.ask("chat", model, stream=True, leave_when=has_begun)) for _ in range(3)]
    done, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    while len(done) < 2:
        more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        done |= more
    house.openai.open("g")
    await asyncio.gather(*waiting)
    assert sorted(charge.usage.estimated for charge in house.meter.charges) == [False, True, True]
    await house.nothing_is_left()


async def test_a_retry_wants_the_whole_answer_so_that_nothing_is_cancelled(house: House) -> None:
    house.rules["cut_policy"] = "cancel"
    house.openai.then(Script(gate="g", gate_at=2))
    model = house.alias("m", ("openai", "gpt"))
    key = {"idempotency-key": "k1"}
    asking = asyncio.create_task(house.ask("chat", model, stream=True, headers=key, leave_when=has_begun))
    await house.openai.until_calls(1)
    house.openai.open("g")
    await asking
    again = await house.ask("chat", model, stream=True, headers=key)
    assert again.body.endswith(b"data: [DONE]\n\n")
    assert len(house.meter.charges) == len(house.openai.calls) == 1


async def test_a_client_that_takes_nothing_any_more_counts_as_gone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STALL_SECONDS", 0.05)
    model = house.alias("m", ("openai", "gpt"), provider={"max_concurrent": 1})
    expected = await whole_usage(house, "chat", model)
    await house.ask("chat", model, stream=True, stuck_when=has_begun)
    [charge] = house.meter.charges
    assert (charge.outcome, charge.usage) == ("cut", expected)
    await house.nothing_is_left()


async def test_who_left_is_counted_as_such(house: House) -> None:
    def left() -> int:
        found = metrics.SECONDS.values.get(("chat", "m-left", "499"))
        return sum(found.buckets) if found else 0

    before = left()
    await house.ask("chat", house.alias("m-left", ("openai", "gpt+words-40")), stream=True, leave_when=has_begun)
    assert left() == before + 1


# -- over sockets, by the server that Patchbay runs -------------------------------------------------------------------


@contextlib.asynccontextmanager
async def served(house: House) -> AsyncIterator[int]:
    """Serve the doors on loopback; yields the port."""
    config = uvicorn.Config(house.app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  it says so nowhere but in its state
            await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def say(port: int, door: str, model: str, *, stream: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request and return its connection."""
    body = json.dumps({"model": model} | BODIES[door] | ({"stream": True} if stream else {})).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {PATHS[door]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sme_live_one\r\n"
    writer.write(head.encode() + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize("stream", [False, True])
async def test_over_a_socket_an_answer_nobody_waits_for_is_billed_and_nothing_leaks(house: House, stream: bool) -> None:
    house.openai.then(Script(gate="g", gate_at=1))
    async with served(house) as port:
        _, writer = await say(port, "chat", house.alias("m", ("openai", "gpt")), stream=stream)
        await house.openai.until_calls(1)
        writer.transport.abort()
        await asyncio.sleep(0)
        house.openai.open("g")
        await asyncio.wait_for(house.meter.settled.wait(), 5)
    [charge] = house.meter.charges
    assert charge.outcome == ("cut" if stream else "answered")
    assert not charge.usage.estimated
    await house.nothing_is_left()


async def test_over_a_socket_a_client_that_stops_reading_is_given_up_and_memory_stays_bounded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STALL_SECONDS", 0.2)
    house.rules["cut_policy"] = "cancel"
    async with served(house) as port:
        reader, writer = await say(port, "chat", house.alias("m", ("openai", "gpt+fault-endless")), stream=True)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.wait_for(house.meter.settled.wait(), 20)
        writer.transport.abort()
    [charge] = house.meter.charges
    assert (charge.outcome, charge.usage.estimated) == ("cut", True)
    await house.nothing_is_left()
