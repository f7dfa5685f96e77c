"""`/metrics` is for this machine, or for who has the token; it names all that is counted."""

from typing import Any

import pytest

from patchbay.lib.asgi.routing import Dispatcher
from patchbay.lib.asgi.types import Receive, Scope, Send
from patchbay.lib.metrics.instruments import Instrument, instruments
from patchbay.products.gateway.engine import metrics
from patchbay.products.gateway.wire.contracts import TokenUsage
from patchbay.site.routes import RAW_ROUTES
from tests.asgi import Answer, call


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("this should be a raw route")


async def ask(address: str = "127.0.0.1", token: str | None = None) -> Answer:
    dispatcher = Dispatcher(RAW_ROUTES, nowhere)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await dispatcher({**scope, "client": (address, 50000)}, receive, send)

    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await call(app, "GET", "/metrics", headers=headers)


async def test_this_machine_reads_what_is_counted() -> None:
    assert (await ask()).status == 200
    answer = await ask("::1")
    text = answer.body.decode()
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'patchbay_http_requests_total{route="metrics",status="200"}' in text
    assert "# TYPE patchbay_commit_seconds histogram" in text


@pytest.mark.parametrize("address", ["203.0.113.7", "10.0.0.1", "not an address"])
async def test_others_do_not(address: str) -> None:
    answer = await ask(address)
    assert answer.status == 403
    assert "PATCHBAY_METRICS_TOKEN" in answer.json()["next_step"]


async def test_with_a_token_everyone_needs_it(settings: Any) -> None:
    settings.METRICS_TOKEN = "s3cret"
    assert (await ask("203.0.113.7", "s3cret")).status == 200
    assert (await ask("127.0.0.1")).status == 401
    assert (await ask("127.0.0.1", "s3cre")).status == 401


def value(instrument: Instrument, *labels: str) -> Any:
    return instrument.values.get(labels)


def test_one_call_counts_everything() -> None:
    usage = TokenUsage(900, 70, cached=400, reasoning=30)
    metrics.observe(
        door="chat_completions", model="m-1", status=200, seconds=0.4, first_byte_seconds=0.1, usage=usage, tries=3
    )
    metrics.observe(door="chat_completions", model="m-1", status=200, seconds=0.001, cache="hit", tries=0)
    assert sum(value(metrics.SECONDS, "chat_completions", "m-1", "200").buckets) == 2
    assert sum(value(metrics.FIRST_BYTE_SECONDS, "chat_completions", "m-1").buckets) == 1
    kinds = ("prompt", "completion", "cached", "reasoning", "image")
    assert [value(metrics.TOKENS, "m-1", kind) for kind in kinds] == [900, 70, 400, 30, None]
    assert (value(metrics.RETRIES, "m-1"), value(metrics.CACHE, "m-1", "hit")) == (2, 1)
    assert metrics.SECONDS.name in instruments
