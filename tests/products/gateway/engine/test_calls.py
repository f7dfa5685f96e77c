"""A metered call: what is held, what is charged, what is free, and which bytes leave when."""

import asyncio
import json

import pytest
from msgspec.structs import replace

from patchbay.kernel.ledger.errors import InsufficientCreditsError, KeyCapError
from patchbay.lib.errors import AppError, InvalidError, UnavailableError
from patchbay.lib.http import BrokenBodyError, ConnectError
from patchbay.products.gateway import errors
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine import calls
from patchbay.products.gateway.engine.contracts import Ask
from patchbay.products.gateway.engine.terms import Terms
from tests.fakes.meter import FakeMeter
from tests.fakes.provider import DONE, Bench, FakeAnswer, ask, event, refusal, usage_event, whole

HELLO = (event("Hello "), event("you"), event(finish="stop"))
TESTER = Caller(organisation_id="org_1", requests_per_minute=60, environment="test")


class CappedMeter(FakeMeter):
    """Has credits, but refuses what is above a key's cap."""

    def __init__(self, cap_micro: int) -> None:
        super().__init__()
        self.cap_micro = cap_micro

    async def hold(self, caller: Caller, amount_micro: int) -> int:
        if amount_micro > self.cap_micro:
            self.amounts.append(amount_micro)
            raise KeyCapError
        return await super().hold(caller, amount_micro)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def run(bench: Bench, terms: Terms, request: Ask | None = None) -> bytes:
    """Make a call as a door does, and return all that its client gets."""
    async with bench.engine.call(request or ask(), terms) as call:
        if not call.is_stream:
            await call.settle()
            return call.whole
        sent = [piece async for piece in call.pieces()]
        await call.settle()
    return b"".join([*sent, call.final])


async def test_the_cost_is_the_price_list_times_the_providers_own_count(bench: Bench) -> None:
    counted = {"prompt_tokens": 31, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 20}}
    terms = bench.terms(bench.target("a", whole(usage=counted)))
    body = await run(bench, terms)
    assert json.loads(body)["choices"][0]["message"]["content"] == "Hello"
    [charge] = bench.meter.charges
    assert charge.cost_micro == 11 * 1000 + 20 * 100 + 7 * 2000
    assert sum(line.cost_micro for line in charge.lines) == charge.cost_micro
    assert (charge.outcome, charge.provider, charge.model, charge.tries) == ("answered", "a", "fake-model", 1)
    assert json.loads(charge.detail)["target"] == "a/a-model"
    assert bench.meter.balance == 10**12 - charge.cost_micro
    assert not bench.meter.held


async def test_the_hold_covers_every_byte_of_the_prompt_and_the_whole_output_limit(bench: Bench) -> None:
    request = ask()
    await run(bench, bench.terms(bench.target("a", whole())), request)
    [held] = bench.meter.amounts
    assert held >= len(request.body) * 1000 + 100 * 2000
    assert held <= len(request.body) * 1000 + 100 * 2000 + 10


async def test_the_output_limit_of_a_silent_client_is_written_into_the_body(bench: Bench) -> None:
    target = bench.target("a", whole(), max_output_tokens=777)
    await run(bench, bench.terms(target), ask(max_tokens=None))
    assert bench.transports["a"].bodies[0]["max_tokens"] == 777


async def test_the_last_credits_buy_a_shorter_answer_when_the_client_set_no_limit() -> None:
    bench = Bench(meter=FakeMeter(500_000))
    await run(bench, bench.terms(bench.target("a", whole())), ask(max_tokens=None))
    limit = bench.transports["a"].bodies[0]["max_tokens"]
    assert calls.LEAST_OUTPUT_TOKENS <= limit < 250
    assert bench.meter.amounts[-1] <= 500_000


async def test_what_is_left_under_a_cap_buys_a_shorter_answer_too() -> None:
    bench = Bench(meter=CappedMeter(500_000))
    await run(bench, bench.terms(bench.target("a", whole())), ask(max_tokens=None))
    assert calls.LEAST_OUTPUT_TOKENS <= bench.transports["a"].bodies[0]["max_tokens"] < 250
    assert bench.meter.amounts[-1] <= 500_000


async def test_without_credits_the_provider_is_not_called() -> None:
    bench = Bench(meter=FakeMeter(1000))
    with pytest.raises(InsufficientCreditsError):
        await run(bench, bench.terms(bench.target("a", whole())), ask(max_tokens=None))
    assert not bench.transports["a"].calls
    assert bench.meter.balance == 1000


async def test_while_nothing_can_be_settled_the_provider_is_not_called(bench: Bench) -> None:
    bench.meter.healthy = False
    with pytest.raises(UnavailableError):
        await run(bench, bench.terms(bench.target("a", whole())))
    assert not bench.transports["a"].calls


async def test_a_reported_zero_is_a_zero(bench: Bench) -> None:
    await run(bench, bench.terms(bench.target("a", whole(usage={"prompt_tokens": 0, "completion_tokens": 0}))))
    [charge] = bench.meter.charges
    assert (charge.cost_micro, charge.usage.estimated) == (0, False)


async def test_tokens_that_nobody_counted_are_a_quarter_of_the_bytes_and_marked(bench: Bench) -> None:
    await run(bench, bench.terms(bench.target("a", whole("nine byte"))))
    [charge] = bench.meter.charges
    assert (charge.usage.prompt, charge.usage.completion, charge.usage.estimated) == (10, 3, True)


async def test_a_stream_is_not_free_because_its_request_holds_what_we_cannot_read(bench: Bench) -> None:
    strange = ask(stream=True)
    strange = replace(strange, body=strange.body[:-1] + b', "seed": 1e999}')
    await run(bench, bench.terms(bench.target("a", FakeAnswer(*HELLO, DONE))), strange)
    [charge] = bench.meter.charges
    assert charge.usage.estimated
    assert charge.cost_micro


@pytest.mark.parametrize("odd", [b', "seed": 1e999}', b', "metadata": ' + b'{"a":' * 990 + b"1" + b"}" * 990 + b"}"])
async def test_an_answer_that_cannot_be_translated_is_the_providers_fault(bench: Bench, odd: bytes) -> None:
    body = json.dumps({"type": "message", "content": [{"type": "text", "text": "Hello"}]}).encode()[:-1] + odd
    terms = bench.terms(bench.target("a", FakeAnswer(body), FakeAnswer(body), formats=("messages",)))
    with pytest.raises(errors.ModelBrokenError):
        await run(bench, terms)


async def test_a_refusal_nested_beyond_reading_is_a_refusal_all_the_same(bench: Bench) -> None:
    answer = FakeAnswer(b'{"error": {"message": ' + b"[" * 5000 + b"]" * 5000 + b"}}", status=400)
    with pytest.raises(errors.ProviderRefusedError):
        await run(bench, bench.terms(bench.target("a", answer)))


async def test_a_test_key_pays_nothing_and_has_its_record(bench: Bench) -> None:
    terms = bench.terms(bench.target("a", whole(usage={"prompt_tokens": 9, "completion_tokens": 9})))
    await run(bench, terms, ask(caller=TESTER))
    [charge] = bench.meter.charges
    assert (charge.cost_micro, charge.lines, charge.hold) == (0, (), None)
    assert not bench.meter.amounts


async def test_a_stream_leaves_as_it_came_and_ends_after_the_settle(bench: Bench) -> None:
    sent = (*HELLO, usage_event(5, 2), DONE)
    terms = bench.terms(bench.target("a", FakeAnswer(*sent)))
    request = ask(stream=True, stream_options={"include_usage": True})
    async with bench.engine.call(request, terms) as call:
        before = b"".join([piece async for piece in call.pieces()])
        assert b"[DONE]" not in before
        await call.settle()
        assert before + call.final == b"".join(sent)
    assert bench.meter.charges[0].cost_micro == 5 * 1000 + 2 * 2000


async def test_the_first_bytes_leave_while_the_provider_still_writes(bench: Bench) -> None:
    gate = asyncio.Event()
    terms = bench.terms(bench.target("a", FakeAnswer(*HELLO, DONE, gate=gate)))
    async with bench.engine.call(ask(stream=True), terms) as call:
        pieces = call.pieces()
        assert await anext(pieces) == HELLO[0]
        gate.set()
        assert [piece async for piece in pieces] == list(HELLO[1:])
        await call.settle()


async def test_a_stream_that_breaks_is_free_and_said_so(bench: Bench) -> None:
    terms = bench.terms(bench.target("a", FakeAnswer(HELLO[0], BrokenBodyError("cut"))))
    with pytest.raises(errors.ModelBrokenError):
        await run(bench, terms, ask(stream=True))
    assert not bench.meter.charges
    assert bench.meter.balance == 10**12


async def test_a_stream_that_ends_before_its_end_is_free(bench: Bench) -> None:
    terms = bench.terms(bench.target("a", FakeAnswer(HELLO[0])))
    with pytest.raises(errors.ModelBrokenError):
        await run(bench, terms, ask(stream=True))
    assert not bench.meter.charges
    assert not bench.meter.held


async def test_a_client_that_leaves_is_billed_by_the_providers_own_count(bench: Bench) -> None:
    terms = bench.terms(bench.target("a", FakeAnswer(*HELLO, usage_event(5, 2), DONE)))
    async with bench.engine.call(ask(stream=True), terms) as call:
        async for _ in call.pieces():
            call.client_left()
        await call.settle()
    [charge] = bench.meter.charges
    assert (charge.outcome, charge.usage.prompt, charge.usage.completion) == ("cut", 5, 2)
    assert bench.engine.left == 0


async def test_by_the_organisations_rule_a_client_that_leaves_cancels_and_pays_what_was_produced(bench: Bench) -> None:
    answer = FakeAnswer(*HELLO, usage_event(5, 2), DONE)
    terms = bench.terms(bench.target("a", answer), cut_policy="cancel")
    async with bench.engine.call(ask(stream=True), terms) as call:
        async for _ in call.pieces():
            call.client_left()
        await call.settle()
    [charge] = bench.meter.charges
    assert (charge.usage.completion, charge.usage.estimated) == (2, True)  # "Hello " is six bytes
    assert answer.closed


async def test_a_provider_that_falls_silent_after_the_client_left_is_billed_for_what_came(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LEFT_SECONDS", 0.01)
    terms = bench.terms(bench.target("a", FakeAnswer(*HELLO, gate=asyncio.Event())))
    async with bench.engine.call(ask(stream=True), terms) as call:
        async for _ in call.pieces():
            call.client_left()
        await call.settle()
    assert bench.meter.charges[0].usage.estimated


async def test_an_endless_stream_ends_and_is_free(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_STREAM_BYTES", 2000)
    answer = FakeAnswer(*[event("again ") for _ in range(1000)])
    with pytest.raises(errors.ModelBrokenError):
        await run(bench, bench.terms(bench.target("a", answer)), ask(stream=True))
    assert answer.closed
    assert not bench.meter.charges


async def test_a_call_that_is_cancelled_gives_its_hold_and_its_place_back(bench: Bench) -> None:
    target = bench.target("a", FakeAnswer(*HELLO, gate=asyncio.Event()), max_concurrent=1)
    terms = bench.terms(target)
    task = asyncio.create_task(run(bench, terms, ask(stream=True)))
    await bench.transports["a"].called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not bench.meter.held
    bench.transports["a"].answers.append(whole())
    await run(bench, terms)


async def test_a_settle_that_fails_is_told_and_nothing_stays_held(bench: Bench) -> None:
    bench.meter.settle_error = UnavailableError("full")
    with pytest.raises(UnavailableError):
        await run(bench, bench.terms(bench.target("a", whole())))
    assert not bench.meter.held


async def test_a_picture_and_what_only_the_provider_holds_are_bounded_apart(bench: Bench) -> None:
    picture = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    target = bench.target("a", whole(), context_tokens=5000)
    request = ask(messages=[{"role": "user", "content": picture}])
    await run(bench, bench.terms(target), request)
    assert bench.meter.amounts[0] >= (len(request.body) + calls.IMAGE_TOKENS) * 1000


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(400, "bad", param="messages", code="invalid_value"), errors.ProviderRefusedError),
        (refusal(401), errors.ModelRefusedError),
        (FakeAnswer(b"{not json", headers={b"content-type": "application/json"}), errors.ModelBrokenError),
        (FakeAnswer(b'{"hello": 1}', headers={b"content-type": "application/json"}), errors.ModelBrokenError),
        (refusal(302), errors.ModelRefusedError),
    ],
)
async def test_what_a_provider_refuses_is_free(
    bench: Bench, answer: FakeAnswer, expected: type[AppError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patchbay.products.gateway.engine.routing.router.ROUNDS", 1)
    with pytest.raises(expected):
        await run(bench, bench.terms(bench.target("a", answer)))
    assert not bench.meter.charges
    assert not bench.meter.held


async def test_a_providers_refusal_keeps_its_status_words_code_and_field(bench: Bench) -> None:
    answer = refusal(422, "messages: too odd", param="messages[0]", code="odd")
    with pytest.raises(errors.ProviderRefusedError) as refused:
        await run(bench, bench.terms(bench.target("a", answer)))
    error = refused.value
    assert (error.status, error.code, error.fields[0].field) == (422, "odd", "messages[0]")
    assert "too odd" in error.message


@pytest.mark.parametrize(
    "body",
    [
        [{"error": {"message": "too long", "code": 400}}],
        {"error": "too long"},
        {"object": "error", "message": "too long", "code": 400},
        {"detail": "too long"},
        {"detail": [{"loc": ["body", "n"], "msg": "too long", "type": "value_error"}]},
    ],
)
async def test_a_refusal_is_understood_in_the_shapes_that_servers_have(bench: Bench, body: object) -> None:
    terms = bench.terms(bench.target("a", FakeAnswer(json.dumps(body).encode(), status=400)))
    with pytest.raises(errors.ProviderRefusedError, match=r"^too long$"):
        await run(bench, terms)


@pytest.mark.parametrize("body", [b"[]", b"[1]", b'{"detail": []}', b'{"detail": [3]}', b'{"error": null}', b"<html>"])
async def test_a_refusal_without_words_is_one(bench: Bench, body: bytes) -> None:
    with pytest.raises(errors.ProviderRefusedError, match="no reason"):
        await run(bench, bench.terms(bench.target("a", FakeAnswer(body, status=400))))


async def test_the_kind_of_a_stream_may_be_written_in_any_case(bench: Bench) -> None:
    answer = FakeAnswer(*HELLO, DONE, headers={b"content-type": "Text/Event-Stream; Charset=UTF-8"})
    assert await run(bench, bench.terms(bench.target("a", answer)), ask(stream=True)) == b"".join([*HELLO, DONE])


async def test_another_target_takes_over_before_the_first_byte(bench: Bench) -> None:
    first = bench.target("a", FakeAnswer(BrokenBodyError("reset")))
    second = bench.target("b", FakeAnswer(*HELLO, DONE), order=1)
    body = await run(bench, bench.terms(first, second), ask(stream=True))
    assert body == b"".join([*HELLO, DONE])
    [charge] = bench.meter.charges
    assert (charge.provider, charge.tries) == ("b", 2)
    assert [each["provider"] for each in json.loads(charge.detail)["tries"]] == ["a", "b"]


async def test_what_one_targets_translation_refuses_does_not_end_a_call_that_another_takes(bench: Bench) -> None:
    translated = bench.target("a", formats=("messages",))
    same = bench.target("b", refusal(500), whole(), order=1)
    body = await run(bench, bench.terms(translated, same), ask(reasoning_effort="of a newer model"))
    assert json.loads(body)["choices"]
    with pytest.raises(InvalidError) as refused:
        await run(bench, bench.terms(translated), ask(reasoning_effort="of a newer model"))
    assert refused.value.fields[0].field == "reasoning_effort"


async def test_no_other_target_takes_over_after_the_first_byte(bench: Bench) -> None:
    first = bench.target("a", FakeAnswer(HELLO[0], ConnectError("reset")))
    second = bench.target("b", FakeAnswer(*HELLO, DONE), order=1)
    with pytest.raises(errors.ModelBrokenError):
        await run(bench, bench.terms(first, second), ask(stream=True))
    assert not bench.transports["b"].calls


async def test_the_answer_of_a_request_with_a_claim_is_kept_for_its_retry(bench: Bench) -> None:
    async with bench.engine.call(ask(claim_id="claim_1"), bench.terms(bench.target("a", whole()))) as call:
        body = call.whole
        await call.settle(response=body)
    [charge] = bench.meter.charges
    assert (charge.act.claim_id, charge.response) == ("claim_1", body)


async def test_an_answer_in_another_format_comes_back_in_the_clients(bench: Bench) -> None:
    counted = {"prompt_tokens": 31, "completion_tokens": 7}
    terms = bench.terms(bench.target("a", whole("Bonjour", usage=counted)))
    body = json.loads(await run(bench, terms, ask(format="messages")))
    assert body["content"] == [{"type": "text", "text": "Bonjour"}]
    assert (body["usage"]["input_tokens"], body["usage"]["output_tokens"]) == (31, 7)
    assert bench.meter.charges[0].cost_micro == 31 * 1000 + 7 * 2000
