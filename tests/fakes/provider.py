"""A provider whose every answer is scripted, behind the engine's own port; and terms and requests to call it with."""

import asyncio
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from patchbay.kernel.plans.contracts import ITEMS, PriceList, Rate
from patchbay.lib.http import ClosedError
from patchbay.products.gateway.contracts import Act, Caller, Catalogue, ModelAlias, ModelTarget, ProviderConfig
from patchbay.products.gateway.contracts import ProviderKey as Key
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.engine.calls import Engine
from patchbay.products.gateway.engine.contracts import Ask, Outgoing
from patchbay.products.gateway.engine.routing.router import Router
from patchbay.products.gateway.engine.terms import Terms
from patchbay.products.gateway.wire.contracts import Format, Target
from patchbay.products.gateway.wire.table import WIRES
from tests.fakes.meter import FakeMeter

CALLER = Caller(organisation_id="org_1", requests_per_minute=60)
# One credit for 1,000 prompt tokens, two for 1,000 completion tokens, cached at a tenth; other kinds are free.
PRICES = PriceList(
    None,
    datetime(2026, 1, 1, tzinfo=UTC),
    dict.fromkeys(ITEMS, Rate(0, 1))
    | {
        "prompt_tokens": Rate(1_000_000, 1000),
        "completion_tokens": Rate(2_000_000, 1000),
        "cached_tokens": Rate(100_000, 1000),
    },
)


class FakeAnswer:
    """An answer in pieces; an exception among them is raised in its turn; `gate` holds all but the first back."""

    def __init__(
        self,
        *chunks: bytes | Exception,
        status: int = 200,
        headers: dict[bytes, str] | None = None,
        gate: asyncio.Event | None = None,
    ) -> None:
        self.status = status
        self.headers = {b"content-type": "text/event-stream"} | (headers or {})
        self.closed = False
        self._chunks = list(chunks)
        self._gate = gate
        self._given = 0

    def header(self, name: bytes) -> str | None:
        return self.headers.get(name)

    async def chunk(self) -> bytes | None:
        if self._gate and self._given:
            await self._gate.wait()
        if self.closed:
            raise ClosedError("closed")
        if not self._chunks:
            return None
        self._given += 1
        chunk = self._chunks.pop(0)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def read(self, limit: int, until: float = math.inf) -> bytes:
        body = b""
        while (chunk := await self.chunk()) is not None:
            body += chunk
        return body

    def close(self) -> None:
        self.closed = True
        if self._gate:
            self._gate.set()


class FakeTransport:
    """Gives the next of `answers` for each call, or raises it; every call is in `calls`."""

    pays_itself = False

    def __init__(self, *answers: FakeAnswer | Exception, formats: tuple[Format, ...] = ("chat",)) -> None:
        self.formats = frozenset(formats)
        self.answers = list(answers)
        self.calls: list[tuple[Outgoing, Key | None]] = []
        self.called = asyncio.Event()

    def target(self, target: ModelTarget, max_output_tokens: int | None) -> Target:
        return Target(target.model, max_output_tokens, limit_field="max_tokens")

    async def send(self, outgoing: Outgoing, key: Key | None) -> FakeAnswer:
        self.calls.append((outgoing, key))
        self.called.set()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def learn(self, outgoing: Outgoing, status: int) -> bool:
        return False

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(outgoing.body) for outgoing, _ in self.calls]


def event(text: str = "", finish: str | None = None, **fields: Any) -> bytes:
    """One event of a chat stream."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    value = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]} | fields
    return f"data: {json.dumps(value)}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def usage_event(prompt: int, completion: int, **fields: Any) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion} | fields
    return event(choices=[], usage=usage)


def whole(text: str = "Hello", *, usage: dict[str, Any] | None = None) -> FakeAnswer:
    """A whole chat answer."""
    message = {"role": "assistant", "content": text}
    value: dict[str, Any] = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
    value["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    if usage is not None:
        value["usage"] = usage
    return FakeAnswer(json.dumps(value).encode(), headers={b"content-type": "application/json"})


def refusal(status: int, message: str = "no", *, headers: dict[bytes, str] | None = None, **fields: Any) -> FakeAnswer:
    """A provider's refusal, in OpenAI's shape."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | fields}
    return FakeAnswer(json.dumps(body).encode(), status=status, headers=headers)


class Bench:
    """An engine over fake providers, each named by its letter, and a ledger in memory."""

    def __init__(self, *, meter: FakeMeter | None = None, clock: Callable[[], float] | None = None) -> None:
        self.meter = meter or FakeMeter()
        self.transports: dict[str, FakeTransport] = {}
        registry.register_kind("fake", lambda config: self.transports[config.name])
        self.engine = Engine(meter=self.meter, router=Router(**({"clock": clock} if clock else {})))

    def target(self, name: str, *answers: FakeAnswer | Exception, **fields: Any) -> ModelTarget:
        """Add a provider that gives these answers, and return a target there."""
        of_provider = {key: fields.pop(key) for key in ("keys", "max_concurrent", "queue_seconds") if key in fields}
        formats = fields.pop("formats", ("chat",))
        self.transports[name] = FakeTransport(*answers, formats=formats)
        config = ProviderConfig(id=f"prov_{name}", name=name, kind="fake", base_url="", **of_provider)
        return ModelTarget(id=name, provider=config, model=f"{name}-model", **fields)

    def terms(self, *targets: ModelTarget, **fields: Any) -> Terms:
        rules = {key: fields.pop(key) for key in ("cut_policy",) if key in fields}
        alias = ModelAlias("fake-model", targets, **fields)
        return Terms(Catalogue("org_1", {"fake-model": alias}, **rules), alias, PRICES)


def ask(*, format: Format = "chat", caller: Caller = CALLER, claim_id: str = "", **fields: Any) -> Ask:
    """A request for `fake-model` of a short question, with 100 tokens at most."""
    body = {"model": "fake-model", "messages": [{"role": "user", "content": "four" * 10}], "max_tokens": 100} | fields
    raw = json.dumps(body, separators=(",", ":")).encode()
    wire = WIRES[format]
    act = Act("req_1", "gateway", format, claim_id=claim_id)
    return Ask(caller, act, wire, wire.read(raw), raw)
