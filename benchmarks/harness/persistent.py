"""Clients that do not give up: each call has an Idempotency-Key and is sent again until its whole answer came."""

import asyncio
import json
import random
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.gateway import wire
from benchmarks.harness.calls import Answer, Connections

QUESTIONS = (
    "What is the interest rate on late payment?",
    "How long is the notice period for termination?",
    "What is the limit of liability?",
    "Who owns the intellectual property?",
)
ANSWER_SECONDS = 15.0
NOT_NOW = (409, 503)
"""Still claimed by a process that is gone, or a store is away: another try comes later."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One call: `request` is sent as it is each time. `read` returns the micro-credits that a whole answer names.

    It returns None when the answer names none and raises ValueError when the answer is not whole.
    """

    kind: str
    request: bytes
    read: Callable[[Answer], int | None]


@dataclass
class Tally:
    """What clients saw: micro-credits by request id of whole answers (None: not named), and what still waits.

    `later` waits for another `load`: what its server cannot answer yet. `kills` are when (seconds since 1970) a
    server was ended.
    """

    answered: dict[str, int | None] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    waiting: deque[Wish] = field(default_factory=deque)
    later: list[Wish] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    replayed: int = 0
    refused: int = 0
    cut: int = 0
    other: Counter[str] = field(default_factory=Counter)
    working: asyncio.Event = field(default_factory=asyncio.Event)


async def load(port: int, key: str, tally: Tally, *, clients: int, stop: asyncio.Event) -> None:
    """Ask from several clients, what waits first, until `stop` is set or the server is gone.

    When `stop` is set, what waits is still asked, and nothing else.
    """

    tally.waiting.extend(tally.later)
    tally.later.clear()

    async def client(number: int) -> None:
        connections = Connections(port)
        try:
            while wish := _next(tally, number, key, stop):
                if not await _ask(connections, wish, tally):
                    return
        finally:
            connections.close()

    await asyncio.gather(*(client(number) for number in range(clients)))


def _next(tally: Tally, number: int, key: str, stop: asyncio.Event) -> Wish | None:
    if tally.waiting and (stop.is_set() or random.random() < 0.5):
        return tally.waiting.popleft()
    return None if stop.is_set() else make_wish(number, key)


async def _ask(connections: Connections, wish: Wish, tally: Tally) -> bool:
    """Try once; False when the server is gone."""
    try:
        answer = await asyncio.wait_for(connections.ask(wish.request), ANSWER_SECONDS)
    except (OSError, TimeoutError):
        tally.cut += 1
        tally.waiting.append(wish)
        return False
    if answer.status == 402:
        tally.refused += 1
    elif answer.status != 200:
        tally.other[f"{wish.kind} {answer.status}"] += 1
        if answer.status in NOT_NOW:
            tally.later.append(wish)
    else:
        _note(wish, answer, tally)
    return True


def _note(wish: Wish, answer: Answer, tally: Tally) -> None:
    try:
        credits = wish.read(answer)
    except ValueError:
        tally.cut += 1
        tally.waiting.append(wish)
        return
    if "idempotency-replayed" in answer.headers:
        tally.replayed += 1
        return
    tally.answered[answer.request_id] = credits
    tally.kinds[wish.kind] += 1
    tally.working.set()


def make_wish(number: int, key: str) -> Wish:
    """Return a new call; a client asks its own kind: a plug or a model, whole or streamed, in either format."""
    stream = number % 2 == 0
    headers = {"authorization": f"Bearer {key}", "idempotency-key": uuid.uuid4().hex}
    if number % 4 < 2:
        asked = {"plugin_id": "legal-v1", "message": random.choice(QUESTIONS), "stream": stream}
        request = wire.post("/v1/chat", json.dumps(asked).encode(), headers)
        return Wish("plug stream" if stream else "plug whole", request, _plug_stream if stream else _plug_whole)
    if number % 6 == 2:
        said = [{"role": "user", "content": random.choice(QUESTIONS)}]
        body = {"model": wire.MODEL, "max_tokens": 64, "messages": said, "stream": True}
        request = wire.post("/v1/messages", json.dumps(body).encode(), headers)
        return Wish("message stream", request, _message_stream)
    request = wire.post("/v1/chat/completions", wire.request_body(stream=stream), headers)
    return Wish("model stream" if stream else "model whole", request, _model_stream if stream else _model_whole)


def _micro(credits: str) -> int:
    from patchbay.lib.money import from_credits

    return from_credits(credits)


def _whole(answer: Answer) -> bytes:
    if not answer.complete:
        raise ValueError("cut off")
    return answer.body


def _plug_whole(answer: Answer) -> int:
    return _micro(json.loads(_whole(answer))["usage"]["credits"])


def _plug_stream(answer: Answer) -> int:
    for block in reversed(_whole(answer).decode().split("\n\n")):
        if block.startswith("event: done\n"):
            return _micro(json.loads(block.partition("data: ")[2])["usage"]["credits"])
    raise ValueError("no last event")


def _model_whole(answer: Answer) -> int | None:
    if not wire.is_right(_whole(answer), stream=False):
        raise ValueError("not the answer")
    credits = answer.headers.get("x-patchbay-credits")
    return None if credits is None else _micro(credits)


def _model_stream(answer: Answer) -> None:
    body = _whole(answer)
    if not (wire.is_right(body, stream=True) and body.endswith(b"data: [DONE]\n\n")):
        raise ValueError("not the whole stream")


def _message_stream(answer: Answer) -> None:
    body = _whole(answer)
    if not wire.has_words(body) or b"event: message_stop" not in body[-200:]:
        raise ValueError("not the whole stream")
