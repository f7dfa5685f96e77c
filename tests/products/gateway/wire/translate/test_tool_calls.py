"""Deltas of tool calls in order: whose each is, when it may go on, and what is broken."""

from typing import Any

import pytest

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.translate import tool_calls
from patchbay.products.gateway.wire.translate.tool_calls import ToolCalls


def delta(arguments: str = "", *, name: str | None = None, **place: Any) -> dict[str, Any]:
    return {**place, "function": {"name": name, "arguments": arguments}}


def gathered(*deltas: dict[str, Any]) -> list[tuple[str | None, str, str]]:
    """Return id, name and arguments of each call, having seen that each begins once and that they keep their order."""
    calls = ToolCalls()
    pieces = [piece for each in deltas for piece in calls.take(each)] + calls.rest()
    assert [piece.number for piece in pieces] == sorted(piece.number for piece in pieces)
    begun = [piece for piece in pieces if piece.begins]
    assert [piece.number for piece in begun] == list(range(len(calls)))
    return [
        (each.id, each.name, "".join(piece.arguments for piece in pieces if piece.number == each.number))
        for each in begun
    ]


def test_a_call_goes_on_as_it_comes() -> None:
    calls = ToolCalls()
    assert [piece.arguments for piece in calls.take(delta("{", index=0, id="a", name="f"))] == ["{"]
    assert [piece.arguments for piece in calls.take(delta("}", index=0))] == ["}"]
    assert [piece.begins for piece in calls.take(delta("{", index=1, id="b", name="g"))] == [True]
    assert calls.rest() == []


def test_an_id_or_a_name_that_is_repeated_begins_nothing() -> None:
    assert gathered(delta("{", index=0, id="a", name="f"), delta("}", index=0, id="a", name="f")) == [("a", "f", "{}")]
    assert gathered(delta("{", index=0, name="f"), delta("}", index=0, name="f")) == [(None, "f", "{}")]
    assert gathered(delta("{", index=0, id="a", name="f"), delta("}", index=0, id="other")) == [("a", "f", "{}")]


def test_without_places_and_ids_a_name_begins_a_call() -> None:
    assert gathered(delta("{}", name="f"), delta("[", name="g"), delta("]")) == [(None, "f", "{}"), (None, "g", "[]")]


def test_without_places_ids_tell_whose_more_is() -> None:
    deltas = (delta("[1", id="a", name="f"), delta("[2", id="b", name="g"), delta("]", id="a"), delta("]", id="b"))
    assert gathered(*deltas) == [("a", "f", "[1]"), ("b", "g", "[2]")]


def test_a_call_without_arguments_is_one() -> None:
    assert gathered(delta(index=0, id="a", name="f"), delta("{}", index=1, id="b", name="g")) == [
        ("a", "f", ""),
        ("b", "g", "{}"),
    ]


def test_what_belongs_to_no_call_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelBrokenError):
        gathered(delta("{}", index=0, id="a"))
    with pytest.raises(ModelBrokenError):
        gathered(delta("1", index=0, id="a", name="f"), delta("2", index=1, id="b", name="g"), delta("3", index=0))
    monkeypatch.setattr(tool_calls, "MAX_CALLS", 1)
    with pytest.raises(ModelBrokenError):
        gathered(delta("1", index=0, id="a", name="f"), delta("2", index=1, id="b", name="g"))
