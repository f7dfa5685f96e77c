"""POST /v1/chat: the shape of an answer, what it costs, and every way in which it can be refused."""

import asyncio
import re
from decimal import Decimal

import pytest
from django.db import OperationalError

from patchbay.kernel.ledger.errors import FencedError
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import Quantities
from patchbay.lib.money import to_text
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway import errors
from patchbay.products.gateway.contracts import OFFLINE_MODEL, PLUG_DOOR
from patchbay.products.gateway.engine import metrics
from patchbay.products.plugs.models import ChatMessage, ChatSession, Plug
from patchbay.products.plugs.queries import sessions as queries
from patchbay.products.plugs.services import sessions
from tests import factories
from tests.asgi import Answer
from tests.products.plugs.api.conftest import World, make_plug

PRICE = Quantities(prompt_tokens=1200, cached_tokens=200, completion_tokens=34)


async def test_an_answer_has_the_documented_shape(world: World) -> None:
    answer = await world.ask()
    whole = answer.json()
    assert answer.status == 200
    assert re.fullmatch(r"msg_[0-9a-f]{32}", whole.pop("id"))
    assert re.fullmatch(r"ses_[0-9a-f]{32}", whole.pop("session_id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", whole.pop("created_at"))
    credits = whole["usage"].pop("credits")
    assert re.fullmatch(r"\d+\.\d{6}", credits)
    assert Decimal(credits) > 0
    assert whole.pop("citations") == [
        {
            "index": 1,
            "document_id": "doc_1",
            "document_version": 2,
            "title": "Terms",
            "page": 3,
            "section": "8 Payment",
            "quote": "30 days",
            "start": 100,
            "end": 107,
            "verified": True,
            "url": "http://localhost:8000/plugs/terms/documents/doc_1?version=2&start=100&end=107",
        }
    ]
    assert whole == {
        "model": "patchbay/offline",
        "plug": "terms",
        "plug_version": 3,
        "outcome": "answered",
        "answer": "Thirty days.",
        "support": 0.75,
        "guardrails": [],
        "usage": {"prompt_tokens": 1200, "completion_tokens": 34, "cached_tokens": 200, "estimated": False},
    }


async def test_the_credits_shown_are_charged_and_are_the_price_list_to_the_micro_credit(world: World) -> None:
    answer = await world.ask()
    prices = await world.pool.run(plans.get_prices)
    [charge] = world.meter.charges
    assert charge.cost_micro == prices.total_micro(PRICE)
    assert answer.json()["usage"]["credits"] == to_text(charge.cost_micro)
    assert charge.act.request_id == answer.headers["x-request-id"]
    assert (charge.act.plug_id, charge.caller.key_id, charge.outcome) == (world.plug.id, world.key.key.id, "answered")


async def test_a_stream_gives_deltas_citations_and_the_whole_object(world: World) -> None:
    answer = await world.ask(stream=True)
    assert [name for name, _ in answer.events] == ["delta", "delta", "citation", "done"]
    assert "".join(value["text"] for name, value in answer.events if name == "delta") == "Thirty days."
    done = answer.events[-1][1]
    assert done["answer"] == "Thirty days."
    assert done["citations"] == [answer.events[2][1]]
    assert answer.complete
    assert len(world.meter.charges) == 1


async def test_the_final_event_leaves_after_the_commit(world: World) -> None:
    charged_when_done: list[int] = []

    def see(answer: Answer) -> bool:
        if b"event: done" in answer.body:
            charged_when_done.append(len(world.meter.charges))
        return False

    await world.ask(stream=True, leave_when=see)
    assert charged_when_done[0] == 1


@pytest.mark.parametrize("outcome", ["answered", "uncertain", "declined"])
async def test_each_outcome_is_said_and_recorded(world: World, outcome: str) -> None:
    world.answering.outcome = outcome  # type: ignore[assignment]
    assert (await world.ask()).json()["outcome"] == outcome
    assert world.meter.charges[0].outcome == outcome


async def test_the_published_persona_and_the_bare_question_reach_the_answering(world: World) -> None:
    await world.ask("  How long?\n")
    [question] = world.answering.questions
    assert (question.text, question.persona, question.plug_id) == ("How long?", "You are exact.", world.plug.id)
    assert question.organisation_id == question.plug_organisation_id == world.actor.organisation_id


async def test_the_platforms_plugs_are_everyones(world: World, platform_plug: Plug) -> None:
    answer = await world.ask(plugin_id="legal-v1")
    assert answer.json()["plug"] == "legal-v1"
    assert world.answering.questions[0].plug_organisation_id == platform_plug.organisation_id
    assert (await world.ask(plugin_id=platform_plug.id)).status == 200


async def test_another_organisations_plug_is_not_found(world: World) -> None:
    stranger = await world.pool.run(factories.owner)
    theirs = await world.pool.run(make_plug, stranger.organisation_id, "secret")
    for name in ("secret", theirs.id, "nothing"):
        answer = await world.ask(plugin_id=name)
        assert answer.status == 404
    assert not world.meter.charges


async def test_a_scoped_key_needs_no_plugin_id_and_may_ask_no_other(world: World) -> None:
    scoped = await world.pool.run(factories.key, world.actor, plug_id=world.plug.id)
    await world.pool.run(make_plug, world.actor.organisation_id, "other")
    assert (await world.ask(secret=scoped.secret, plugin_id=None)).json()["plug"] == "terms"
    assert (await world.ask(secret=scoped.secret)).status == 200
    assert (await world.ask(secret=scoped.secret, plugin_id="other")).status == 403


async def test_a_read_only_key_may_ask(world: World) -> None:
    reader = await world.pool.run(factories.key, world.actor, permission="read_only")
    assert (await world.ask(secret=reader.secret)).status == 200


async def test_a_test_key_asks_the_built_in_model_and_pays_nothing(world: World, settings: object) -> None:
    settings.MODEL = "gpt-real"  # type: ignore[attr-defined]
    tester = await world.pool.run(factories.key, world.actor, environment="test")
    world.meter.balance = 0
    answer = await world.ask(secret=tester.secret)
    assert answer.json()["usage"]["credits"] == "0.000000"
    assert answer.json()["model"] == "patchbay/offline"
    assert world.meter.charges[0].caller.is_test


@pytest.mark.parametrize(
    ("value", "status", "field"),
    [
        ({"plugin_id": None}, 422, "plugin_id"),
        ({"message": ""}, 422, "message"),
        ({"message": " \n"}, 422, "message"),
        ({"message": "a\0b"}, 422, "message"),
        ({"message": "x" * 8001}, 422, "message"),
        ({"message": 5}, 422, "message"),
        ({"stream": "yes"}, 422, "stream"),
        ({"colour": "red"}, 422, "colour"),
        ({"session_id": 7}, 422, "session_id"),
        ({"headers": {"idempotency-key": ""}}, 422, "Idempotency-Key"),
        ({"headers": {"idempotency-key": "k" * 256}}, 422, "Idempotency-Key"),
    ],
)
async def test_bad_input_names_its_field_and_costs_nothing(
    world: World, value: dict[str, object], status: int, field: str
) -> None:
    answer = await world.ask(**value)
    assert (answer.status, answer.json()["errors"][0]["field"]) == (status, field)
    assert not world.meter.charges
    assert not world.meter.held


async def test_a_question_with_a_nul_is_refused_for_what_it_is(world: World) -> None:
    [error] = (await world.ask(message="How\0long?")).json()["errors"]
    assert (error["field"], "NUL" in error["message"]) == ("message", True)


async def test_an_unknown_key_is_unauthenticated(world: World) -> None:
    assert (await world.ask(secret="sme_live_" + "0" * 32)).status == 401
    assert (await world.ask(secret="nonsense")).status == 401


async def test_too_many_requests_are_refused_with_headers(world: World) -> None:
    limit = (await world.pool.run(plans.get_plan, world.actor.organisation_id)).requests_per_minute
    answers = [await world.ask() for _ in range(limit)]
    assert {answer.status for answer in answers} == {200}
    assert answers[0].headers["ratelimit"].startswith(f'"plan";r={limit - 1};')
    refused = await world.ask()
    assert (refused.status, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["ratelimit-policy"] == f'"plan";q={limit};w=60'
    assert len(world.meter.charges) == limit
    await world.ask()
    [noted] = world.notes.failures
    assert (noted.request_id, noted.status, noted.door) == (refused.headers["x-request-id"], 429, PLUG_DOOR)
    assert (noted.organisation_id, noted.key_id) == (world.actor.organisation_id, world.key.key.id)


async def test_every_question_is_counted_once_by_how_it_ended(world: World) -> None:
    def count(status: str, model: str = OFFLINE_MODEL) -> int:
        histogram = metrics.SECONDS.values.get((PLUG_DOOR, model, status))
        return 0 if histogram is None else sum(histogram.buckets)

    before = count("200"), count("502"), count("401", "")
    await world.ask()
    await world.ask(stream=True)
    world.answers("a", "b", error=errors.ModelBrokenError(), fail_after=1)
    broken = await world.ask(stream=True)
    await world.ask(secret="nonsense")
    assert (count("200"), count("502"), count("401", "")) == (before[0] + 2, before[1] + 1, before[2] + 1)
    [noted] = world.notes.failures
    assert (noted.request_id, noted.status, noted.code) == (broken.headers["x-request-id"], 502, "model_broken")
    assert noted.alias == OFFLINE_MODEL


async def test_without_credits_the_model_is_not_called(world: World) -> None:
    world.meter.balance = 0
    answer = await world.ask(stream=True)
    assert (answer.status, answer.headers["content-type"]) == (402, "application/problem+json")
    assert not world.provider.requests


async def test_a_failing_model_is_a_problem_and_free(world: World) -> None:
    world.answers("a", error=errors.ModelBusyError(retry_after=7))
    answer = await world.ask()
    assert (answer.status, answer.headers["retry-after"], answer.json()["code"]) == (429, "7", "model_busy")
    assert not world.meter.charges
    assert not world.meter.held
    assert await count_sessions(world) == 0


async def test_a_failure_in_the_midst_of_a_stream_is_an_error_event_and_free(world: World) -> None:
    world.answers("a", "b", error=errors.ModelBrokenError(), fail_after=1)
    answer = await world.ask(stream=True)
    assert [name for name, _ in answer.events] == ["delta", "error"]
    problem = answer.events[-1][1]
    assert (problem["code"], problem["request_id"]) == ("model_broken", answer.headers["x-request-id"])
    assert answer.complete
    assert not world.meter.charges
    assert not world.meter.held


async def test_a_database_that_is_away_is_unavailable_never_unauthenticated(world: World) -> None:
    world.answering.error = OperationalError("server closed the connection")
    answer = await world.ask()
    assert (answer.status, answer.json()["code"]) == (503, "unavailable")


async def test_a_client_that_leaves_in_the_midst_pays_for_what_was_produced(world: World) -> None:
    gate = asyncio.Event()
    world.answers("Thirty ", "days.", gate=gate)

    def leave(answer: Answer) -> bool:
        if answer.events:
            gate.set()
        return bool(answer.events)

    answer = await world.ask(stream=True, leave_when=leave)
    assert answer.events == [("delta", {"text": "Thirty "})]
    [charge] = world.meter.charges
    assert charge.usage.completion == 34
    assert charge.cost_micro > 0
    assert await count_sessions(world) == 1


async def test_a_full_pool_is_refused_at_once(world: World) -> None:
    full = BlockingPool("full", threads=1, queue=0)
    full._free = 0
    world.pool = full
    world.__post_init__()
    answer = await world.ask()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


async def test_an_answer_that_cannot_be_settled_is_not_given(world: World) -> None:
    world.meter.settle_error = FencedError()
    refused = await world.ask()
    assert (refused.status, refused.json()["code"]) == (503, "fenced")
    stream = await world.ask(stream=True)
    assert [name for name, _ in stream.events] == ["delta", "delta", "citation", "error"]
    assert await count_sessions(world) == 0


async def test_a_paid_answer_is_given_even_when_its_session_cannot_be_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(sessions, "record_exchange", fail)
    assert (await world.ask()).json()["answer"] == "Thirty days."
    assert (await world.ask(stream=True)).events[-1][0] == "done"
    assert len(world.meter.charges) == 2


async def count_sessions(world: World) -> int:
    return await world.pool.run(ChatSession.objects.count)


class TestRetries:
    """The same Idempotency-Key gets the same bytes and is not charged again."""

    KEY = {"idempotency-key": "abc-1"}

    async def test_a_repeat_gets_the_same_bytes(self, world: World) -> None:
        first = await world.ask(headers=self.KEY)
        second = await world.ask(headers=self.KEY)
        assert second.body == first.body
        assert second.headers["idempotency-replayed"] == "true"
        assert second.headers["x-request-id"] != first.headers["x-request-id"]
        assert len(world.meter.charges) == len(world.provider.requests) == 1

    async def test_a_repeated_stream_gets_the_same_answer(self, world: World) -> None:
        first = await world.ask(headers=self.KEY, stream=True)
        second = await world.ask(headers=self.KEY, stream=True)
        assert second.events[-1] == first.events[-1]
        assert [name for name, _ in second.events] == ["delta", "citation", "done"]
        assert len(world.meter.charges) == 1

    async def test_another_body_under_the_same_key_is_refused(self, world: World) -> None:
        await world.ask(headers=self.KEY)
        assert (await world.ask("Another question?", headers=self.KEY)).status == 422

    async def test_while_the_first_is_at_work_the_second_waits(self, world: World) -> None:
        gate = asyncio.Event()
        provider = world.answers("a", "b", gate=gate)
        first = asyncio.create_task(world.ask(headers=self.KEY))
        await provider.called.wait()
        second = await world.ask(headers=self.KEY)
        assert (second.status, second.headers["retry-after"]) == (409, "1")
        gate.set()
        assert (await first).status == 200
        assert len(world.meter.charges) == 1

    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_failure_frees_the_key_for_the_retry(self, world: World, stream: bool) -> None:
        world.answers("a", error=errors.ModelUnavailableError())
        await world.ask(headers=self.KEY, stream=stream)
        world.answers("Thirty days.")
        again = await world.ask(headers=self.KEY, stream=stream)
        assert b"Thirty days." in again.body
        assert len(world.meter.charges) == 1

    async def test_organisations_do_not_share_keys(self, world: World) -> None:
        await world.ask(headers=self.KEY)
        stranger = await world.pool.run(factories.owner)
        theirs = await world.pool.run(factories.key, stranger)
        await world.pool.run(make_plug, stranger.organisation_id, "terms")
        answer = await world.ask(headers=self.KEY, secret=theirs.secret)
        assert "idempotency-replayed" not in answer.headers
        assert len(world.meter.charges) == 2

    async def test_a_key_for_one_plug_does_not_get_the_answer_of_another(self, world: World) -> None:
        other = await world.pool.run(make_plug, world.actor.organisation_id, "secrets")
        first = await world.ask(headers=self.KEY, plugin_id=other.slug)
        assert first.json()["plug"] == "secrets"
        narrow = await world.pool.run(factories.key, world.actor, plug_id=world.plug.id)
        again = await world.ask(headers=self.KEY, plugin_id=other.slug, secret=narrow.secret)
        assert again.status == 422
        assert b"Thirty" not in again.body

    async def test_a_live_key_does_not_get_a_test_keys_answer(self, world: World) -> None:
        free = await world.pool.run(factories.key, world.actor, environment="test")
        await world.ask(headers=self.KEY, secret=free.secret)
        assert (await world.ask(headers=self.KEY)).status == 422


class TestSessions:
    """A conversation is stored, goes on, and is its organisation's own."""

    async def test_a_question_and_its_answer_are_stored(self, world: World) -> None:
        whole = (await world.ask("How   long\nis it?")).json()
        session = await world.pool.run(ChatSession.objects.get, id=whole["session_id"])
        assert session.organisation_id == world.actor.organisation_id
        assert (session.plug_id, session.key_id, session.title) == (world.plug.id, world.key.key.id, "How long is it?")
        messages = await world.pool.run(lambda: list(ChatMessage.objects.order_by("created_at")))
        assert [(m.role, m.content) for m in messages] == [
            ("user", "How   long\nis it?"),
            ("assistant", "Thirty days."),
        ]
        assert (messages[1].id, messages[1].answer) == (whole["id"], whole)

    async def test_a_follow_up_sees_the_earlier_turns(self, world: World) -> None:
        first = (await world.ask("How long?")).json()
        second = (await world.ask("And then?", session_id=first["session_id"], plugin_id=None)).json()
        assert second["session_id"] == first["session_id"]
        turns = [(turn.role, turn.content) for turn in world.answering.questions[1].history]
        assert turns == [("user", "How long?"), ("assistant", "Thirty days.")]

    async def test_questions_at_once_stand_each_before_its_own_answer(self, world: World) -> None:
        session_id = (await world.ask("0")).json()["session_id"]
        gate = asyncio.Event()
        provider = world.answers("la", "te", gate=gate)
        slow = asyncio.create_task(world.ask("slow", session_id=session_id))
        await provider.called.wait()
        world.answers("soon")
        await world.ask("quick", session_id=session_id)
        gate.set()
        await slow
        await world.ask("last", session_id=session_id)
        told = [turn.content for turn in world.answering.questions[-1].history]
        assert told == ["0", "Thirty days.", "quick", "soon", "slow", "late"]
        session = await world.pool.run(ChatSession.objects.get, id=session_id)
        kept = await world.pool.run(queries.list_messages, session)
        assert [turn.content for turn in kept[:6]] == told

    async def test_the_history_is_bounded(self, world: World) -> None:
        session_id = (await world.ask("0")).json()["session_id"]
        for number in range(1, 6):
            await world.ask(str(number), session_id=session_id)
        turns = world.answering.questions[-1].history
        assert [turn.content for turn in turns[::2]] == ["2", "3", "4"]
        await world.ask("x" * 5990, session_id=session_id)
        await world.ask("last", session_id=session_id)
        assert world.answering.questions[-1].history == ()

    async def test_another_organisations_session_is_not_found(self, world: World) -> None:
        session_id = (await world.ask()).json()["session_id"]
        stranger = await world.pool.run(factories.owner)
        theirs = await world.pool.run(factories.key, stranger)
        await world.pool.run(make_plug, stranger.organisation_id, "terms")
        answer = await world.ask(secret=theirs.secret, session_id=session_id)
        assert answer.status == 404

    async def test_a_session_about_another_plug_is_named(self, world: World) -> None:
        session_id = (await world.ask()).json()["session_id"]
        await world.pool.run(make_plug, world.actor.organisation_id, "other")
        answer = await world.ask(session_id=session_id, plugin_id="other")
        assert (answer.status, answer.json()["errors"][0]["field"]) == (422, "session_id")

    async def test_a_session_deleted_in_the_midst_stays_deleted(self, world: World) -> None:
        session_id = (await world.ask()).json()["session_id"]
        gate = asyncio.Event()
        provider = world.answers("a", "b", gate=gate)
        asking = asyncio.create_task(world.ask(session_id=session_id))
        await provider.called.wait()
        await world.pool.run(ChatSession.objects.filter(id=session_id).delete)
        gate.set()
        assert (await asking).status == 200
        assert await count_sessions(world) == 0
