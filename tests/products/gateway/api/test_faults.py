"""Every fault of a vendor at every door: what the client is told, in its format; what it costs; that nothing stays."""

import json
import tracemalloc
from typing import Any

import pytest

from patchbay.products.gateway.engine import calls, upstream
from tests.asgi import Answer
from tests.fakes.upstream import Fault, Script
from tests.products.gateway.api.conftest import House

LIMIT = 512 * 1024
WAYS = [
    ("chat", "openai"),
    ("responses", "openai"),
    ("messages", "anthropic"),
    ("chat", "anthropic"),
    ("messages", "openai"),
    ("responses", "anthropic"),
]
HEALTHY = {"openai": "gpt", "anthropic": "claude"}
# What happens to an exchange, and the status by which a client is told as long as nothing left before.
CONNECTION = {
    Fault.RESET_BEFORE_HEAD: 503,
    Fault.NOT_HTTP: 503,
    Fault.STALL_BEFORE_HEAD: 504,
    Fault.WRONG_CONTENT_TYPE: 502,
}
BODY = {
    Fault.RESET_AFTER_FIRST_EVENT: 503,
    Fault.RESET_INSIDE_EVENT: 503,
    Fault.CLOSED_INSIDE_BODY: 503,
    Fault.STALL_AFTER_FIRST_EVENT: 504,
    Fault.MALFORMED_JSON: 502,
    Fault.HUGE: 502,
    Fault.ENDLESS: 502,
}
IN_STREAMS = {Fault.ERROR_EVENT: 502, Fault.NO_ENDING: 502, Fault.NO_FINISH: 502}


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_STREAM_BYTES", LIMIT)
    monkeypatch.setattr(upstream, "MAX_ANSWER_BYTES", LIMIT)


def told(door: str, body: bytes) -> dict[str, Any]:
    """Return what an error's body says under `error`, and see that it has its vendor's shape."""
    value = json.loads(body)
    if door == "messages":
        assert value["type"] == "error"
        assert value["request_id"].startswith("req_")
        assert set(value["error"]) >= {"type", "message"}
    else:
        assert set(value["error"]) == {"message", "type", "param", "code"}
    return dict(value["error"])


def last_event(door: str, answer: Answer) -> dict[str, Any]:
    """Return the error that ends a stream."""
    block = answer.body.rstrip(b"\n").rpartition(b"\n\n")[2]
    value = json.loads(block.partition(b"data: ")[2])
    if door == "chat":
        return told(door, json.dumps(value).encode())
    assert value["type"] == "error"
    assert block.startswith(b"event: error\n")
    return dict(value["error"]) if door == "messages" else value


def ended_well(door: str, answer: Answer) -> bool:
    endings = {"chat": b"data: [DONE]\n\n", "responses": b"response.completed", "messages": b"message_stop"}
    return answer.complete and endings[door] in answer.body


async def free_and_clear(house: House) -> None:
    assert not house.meter.charges, "whatever failed is free"
    assert house.meter.balance == 10**12
    await house.nothing_is_left()


@pytest.mark.parametrize("fault", [*CONNECTION, *BODY])
@pytest.mark.parametrize(("door", "kind"), WAYS)
async def test_a_whole_answer_that_breaks_is_a_free_error(house: House, door: str, kind: Any, fault: Fault) -> None:
    model = house.alias("m", (kind, f"{HEALTHY[kind]}+fault-{fault}"))
    answer = await house.ask(door, model)
    assert answer.status == (CONNECTION | BODY)[fault]
    assert told(door, answer.body)["message"]
    assert answer.headers["content-type"] == "application/json"
    assert b"ratelimit" in "".join(answer.headers).encode()
    await free_and_clear(house)
    [failure] = house.notes.failures
    assert (failure.status, failure.organisation_id, failure.alias) == (answer.status, "org_1", "m")
    assert failure.tries


@pytest.mark.parametrize("fault", CONNECTION)
@pytest.mark.parametrize(("door", "kind"), WAYS)
async def test_a_stream_that_never_began_is_a_plain_free_error(
    house: House, door: str, kind: Any, fault: Fault
) -> None:
    answer = await house.ask(door, house.alias("m", (kind, f"{HEALTHY[kind]}+fault-{fault}")), stream=True)
    assert answer.status == CONNECTION[fault]
    told(door, answer.body)
    await free_and_clear(house)


def breaks(door: str, kind: str, fault: Fault) -> bool:
    """A chat that lacks only `[DONE]` has said all; many servers never send it."""
    return not (fault is Fault.NO_ENDING and kind == "openai" and door != "responses")


STREAMS_THAT_BREAK = [(*way, fault) for way in WAYS for fault in [*BODY, *IN_STREAMS] if breaks(*way, fault)]


@pytest.mark.parametrize(("door", "kind", "fault"), STREAMS_THAT_BREAK)
async def test_a_stream_that_breaks_ends_with_an_error_and_is_free(
    house: House, door: str, kind: Any, fault: Fault
) -> None:
    answer = await house.ask(door, house.alias("m", (kind, f"{HEALTHY[kind]}+fault-{fault}")), stream=True)
    if answer.status == 200:
        assert last_event(door, answer)["message"]
        assert answer.complete
        assert len(answer.body) < 8 * LIMIT
    else:  # it broke before anything had left
        told(door, answer.body)
        assert answer.status == (BODY | IN_STREAMS)[fault]
    assert not ended_well(door, answer)
    await free_and_clear(house)
    [failure] = house.notes.failures
    assert failure.status >= 500


@pytest.mark.parametrize("door", ["chat", "messages"])
async def test_a_chat_server_that_sends_no_last_word_has_answered_whole(house: House, door: str) -> None:
    answer = await house.ask(door, house.alias("m", ("openai", "gpt+fault-no-ending")), stream=True)
    assert ended_well(door, answer)
    assert len(house.meter.charges) == 1
    await house.nothing_is_left()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("door", "kind"), WAYS)
@pytest.mark.parametrize(("status", "expected"), [(429, 429), (500, 503), (503, 503), (529, 503), (401, 502)])
async def test_a_refusal_of_the_vendor_is_told_as_what_it_means(
    house: House, door: str, kind: Any, status: int, expected: int, stream: bool
) -> None:
    model = house.alias("m", (kind, f"{HEALTHY[kind]}+fault-{status}-2"))
    answer = await house.ask(door, model, stream=stream)
    assert answer.status == expected
    assert int(answer.headers["retry-after"]) >= 1
    told(door, answer.body)
    assert len(house.slept) == (0 if status == 401 else 1)
    await free_and_clear(house)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("door", "kind"), WAYS)
async def test_a_vendor_that_takes_no_connection_is_unavailable(
    house: House, door: str, kind: Any, stream: bool
) -> None:
    model = house.alias("m", (kind, HEALTHY[kind]))
    await (house.openai if kind == "openai" else house.anthropic).refuse_connections()
    answer = await house.ask(door, model, stream=stream)
    assert answer.status == 503
    told(door, answer.body)
    await free_and_clear(house)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [*CONNECTION, 429, 500, 401, 404])
@pytest.mark.parametrize(("door", "other"), [("chat", "anthropic"), ("messages", "openai"), ("responses", "anthropic")])
async def test_another_vendor_answers_in_its_place_at_the_same_price(
    house: House, door: str, other: Any, fault: Fault | int, stream: bool
) -> None:
    first: Any = "anthropic" if other == "openai" else "openai"
    model = house.alias("m", (first, f"{HEALTHY[first]}+fault-{fault}"), (other, HEALTHY[other]))
    answer = await house.ask(door, model, stream=stream)
    assert answer.status == 200
    assert not stream or ended_well(door, answer)
    assert (answer.headers["x-patchbay-provider"], answer.headers["x-patchbay-tries"]) == (other, "2")
    [charge] = house.meter.charges
    assert (charge.provider, charge.tries, charge.outcome) == (other, 2, "answered")
    assert house.slept == []
    assert not house.notes.failures
    await house.nothing_is_left()


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_HEAD, Fault.STALL_BEFORE_HEAD, Fault.MALFORMED_JSON, Fault.HUGE])
async def test_embeddings_that_break_are_free(house: House, fault: Fault) -> None:
    answer = await house.ask("embeddings", house.alias("m", ("openai", f"embed+fault-{fault}")))
    assert answer.status == (CONNECTION | BODY)[fault]
    told("embeddings", answer.body)
    await free_and_clear(house)


async def test_embeddings_are_charged_by_their_count(house: House) -> None:
    answer = await house.ask("embeddings", house.alias("m", ("openai", "embed")))
    assert answer.status == 200
    [charge] = house.meter.charges
    assert charge.cost_micro == answer.json()["usage"]["prompt_tokens"] * 1000
    await house.nothing_is_left()


async def test_an_endless_answer_does_not_pile_up_in_memory(house: House) -> None:
    model = house.alias("m", ("openai", "gpt+fault-endless"))
    await house.ask("chat", house.alias("warm", ("openai", "gpt")), stream=True)
    tracemalloc.start()
    try:
        answer = await house.ask("chat", model, stream=True, leave_when=lambda so_far: len(so_far.body) > 1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status == 200
    assert peak < 8 * LIMIT
    await house.nothing_is_left()


async def test_a_server_without_responses_is_asked_in_chat_and_remembered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = house.alias("m", ("openai", "gpt"))
    monkeypatch.delitem(house.openai.vendor.operations, "responses")
    answers = [await house.ask("responses", model) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert all(answer.json()["object"] == "response" for answer in answers)
    assert [each.operation for each in house.openai.calls] == ["chat/completions"] * 3
    assert len(house.openai.refused) == 1
    assert [answer.headers["x-patchbay-tries"] for answer in answers] == ["1"] * 3
    assert len(house.meter.charges) == 3


async def test_a_request_that_the_vendor_finds_wrong_is_told_in_its_words_and_tried_once(house: House) -> None:
    model = house.alias("m", ("openai", "gpt"), ("anthropic", "claude"))
    answer = await house.ask("chat", model, temperature=9)
    assert answer.status == 400
    assert told("chat", answer.body)["param"] == "temperature"
    assert len(house.openai.refused) == 1
    assert not house.anthropic.calls
    await free_and_clear(house)


async def test_what_one_format_cannot_say_goes_to_a_vendor_who_can(house: House) -> None:
    model = house.alias("m", ("anthropic", "claude"), ("openai", "gpt"))
    answer = await house.ask("chat", model, n=2)
    assert answer.status == 200
    assert len(answer.json()["choices"]) == 2
    assert answer.headers["x-patchbay-provider"] == "openai"
    assert (await house.ask("chat", house.alias("only", ("anthropic", "claude")), n=2)).status == 400


async def test_the_next_request_after_a_fault_finds_a_clean_connection(house: House) -> None:
    model = house.alias("m", ("openai", "gpt"))
    house.openai.then(Script(fault=Fault.CLOSED_INSIDE_BODY), Script(fault=Fault.STALL_AFTER_FIRST_EVENT))
    assert (await house.ask("chat", model, stream=True)).status == 200
    assert (await house.ask("chat", model, stream=True)).status == 200
    for _ in range(3):
        assert ended_well("chat", await house.ask("chat", model, stream=True))
    assert len(house.meter.charges) == 3
    await house.nothing_is_left()
