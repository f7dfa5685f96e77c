"""Refusals in the request log: every one counted, few rows, and nothing grows with a flood."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from patchbay.lib.errors import RateLimitedError
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine import failures
from patchbay.products.gateway.engine.contracts import Try
from patchbay.products.gateway.engine.failures import WINDOW_SECONDS, Refusals, note_failure
from patchbay.products.gateway.engine.request_log import Failure
from patchbay.products.gateway.errors import ModelBusyError, ModelNotFoundError
from tests.fakes.notes import Notes, take_notes

CALLER = Caller("org_1", 60, key_id="key_1")


class Gathering:
    """Refusals on a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rows: list[Failure] = []
        self.refusals = Refusals(self.rows.append, lambda: self.now)

    def refuse(self, name: str = "req", **fields: Any) -> None:
        values: dict[str, Any] = {"organisation_id": "org_1", "door": "chat", "status": 429, "code": "rate_limited"}
        self.refusals.note(Failure(request_id=name, **values | fields))

    @property
    def written(self) -> list[tuple[str, int]]:
        return [(row.request_id, row.requests) for row in self.rows]


@pytest.fixture
def gathering() -> Gathering:
    return Gathering()


async def test_the_first_is_written_at_once_and_the_rest_of_its_minute_as_one(gathering: Gathering) -> None:
    for number in range(1000):
        gathering.refuse(f"req_{number}")
    assert gathering.written == [("req_0", 1)]
    gathering.now = WINDOW_SECONDS
    gathering.refuse("later")
    assert gathering.written == [("req_0", 1), ("req_1", 999), ("later", 1)]


async def test_a_day_of_flood_is_two_rows_a_minute_and_counts_every_request(gathering: Gathering) -> None:
    for number in range(1440 * 50):
        gathering.now = number * 60 / 50
        gathering.refuse(f"req_{number}")
    gathering.refusals.flush()
    assert len(gathering.rows) <= 2 * 1441
    assert sum(row.requests for row in gathering.rows) == 1440 * 50


@pytest.mark.parametrize(
    "other",
    [
        {"organisation_id": "org_2"},
        {"key_id": "key_2"},
        {"user_id": "usr_2"},
        {"door": "messages"},
        {"code": "insufficient_credits"},
        {"alias": "gpt"},
    ],
)
async def test_only_what_is_alike_is_one_row(gathering: Gathering, other: dict[str, str]) -> None:
    gathering.refuse("one")
    gathering.refuse("two", **other)
    assert gathering.written == [("one", 1), ("two", 1)]


async def test_a_minute_ends_though_nobody_is_refused_any_more(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Callable[[], None]] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda seconds, end: ends.append(end))
    for name in "abc":
        gathering.refuse(name)
    [end] = ends
    gathering.now = WINDOW_SECONDS
    end()
    assert gathering.written == [("a", 1), ("b", 2)]


async def test_memory_is_bounded_and_nothing_is_lost_when_very_many_are_refused(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MAX_WINDOWS", 10)
    for _ in range(2):
        for number in range(100):
            gathering.refuse(key_id=f"key_{number}")
            gathering.refuse(key_id=f"key_{number}")
    assert len(gathering.refusals._windows) == 10
    gathering.refusals.flush()
    assert sum(row.requests for row in gathering.rows) == 400


async def test_who_is_beyond_a_rate_is_known_by_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()
    take_notes(monkeypatch, notes)
    error = RateLimitedError("Slower.", whose=CALLER)
    note_failure("req_1", None, error, door="chat", status=429, seconds=0.001)
    assert (notes.failures[0].organisation_id, notes.failures[0].key_id) == ("org_1", "key_1")


async def test_what_was_tried_or_is_another_reason_is_noted_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()
    take_notes(monkeypatch, notes)
    tried = [Try("openai", "gpt", 429, "model_busy", 5)]
    for number in range(3):
        note_failure(f"a{number}", CALLER, ModelBusyError(), door="chat", status=429, seconds=0.1, tries=tried)
        note_failure(f"b{number}", CALLER, ModelNotFoundError(), door="chat", status=404, seconds=0.1)
    assert len(notes.failures) == 6


async def test_nobody_is_noted_who_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()
    take_notes(monkeypatch, notes)
    note_failure("req_1", None, ModelNotFoundError(), door="chat", status=404, seconds=0.1)
    assert not notes.failures
