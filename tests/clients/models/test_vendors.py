"""The fake vendors are strict: what the real ones refuse, they refuse."""

from typing import Any

import pytest

from tests.clients.models.scenarios import QUESTION, WEATHER
from tests.fakes.vendors.checks import (
    ANTHROPIC_KEY,
    OPENAI_KEY,
    RefusedError,
    check_anthropic,
    check_openai,
)

OPENAI = {"authorization": f"Bearer {OPENAI_KEY}", "content-type": "application/json"}
ANTHROPIC = {"x-api-key": ANTHROPIC_KEY, "anthropic-version": "2026-10-21", "content-type": "application/json"}
CHAT: dict[str, Any] = {"model": "gpt", "messages": [{"role": "user", "content": QUESTION}]}
MESSAGE: dict[str, Any] = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": QUESTION}]}
CALL = {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
CALLED = {"role": "assistant", "tool_calls": [CALL]}
USED = {"role": "assistant", "content": [{"type": "tool_use", "id": "call_0", "name": "weather", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_0", "content": "-3"}]}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": "https://images.example/a.png"}]}


@pytest.mark.parametrize(
    "body",
    [
        CHAT,
        CHAT | {"tools": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]},
        CHAT | {"messages": [*CHAT["messages"], CALLED, {"role": "tool", "tool_call_id": "call_0", "content": "-3"}]},
    ],
)
def test_openai_takes_what_is_right(body: Any) -> None:
    check_openai("chat/completions", OPENAI, body)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"max_tokens_to_sample": 5}, "max_tokens_to_sample"),
        ({"temperature": 2.5}, "temperature"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens"),
        ({"tools": [{"name": "weather", "input_schema": WEATHER}]}, "0"),
        ({"messages": [PICTURE]}, "0"),
        ({"messages": [{"role": "tool", "tool_call_id": "call_0", "content": "-3"}]}, "messages.[0].role"),
        ({"messages": [CALLED, *CHAT["messages"]]}, "messages.[1].role"),
        ({"messages": [*CHAT["messages"], CALLED]}, "messages"),
    ],
)
def test_openai_refuses_what_is_wrong(wrong: Any, field: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        check_openai("chat/completions", OPENAI, CHAT | wrong)
    assert (refusal.value.status, refusal.value.field) == (400, field)


@pytest.mark.parametrize(("name", "value"), [("authorization", "Bearer sk-wrong"), ("content-type", "text/plain")])
def test_openai_refuses_wrong_headers(name: str, value: str) -> None:
    with pytest.raises(RefusedError):
        check_openai("chat/completions", OPENAI | {name: value}, CHAT)


@pytest.mark.parametrize(
    "body", [MESSAGE, MESSAGE | {"messages": [*MESSAGE["messages"], USED, RESULT]}, MESSAGE | {"stream": True}]
)
def test_anthropic_takes_what_is_right(body: Any) -> None:
    check_anthropic("messages", ANTHROPIC, body)
    bearer = {name: value for name, value in ANTHROPIC.items() if name != "x-api-key"}
    check_anthropic("messages", bearer | {"authorization": f"Bearer {ANTHROPIC_KEY}"}, body)


def test_sampling_goes_with_the_older_version_alone() -> None:
    warm = MESSAGE | {"temperature": 0.5}
    check_anthropic("messages", ANTHROPIC | {"anthropic-version": "2023-06-01"}, warm)
    with pytest.raises(RefusedError, match="temperature"):
        check_anthropic("messages", ANTHROPIC, warm)


@pytest.mark.parametrize(
    "body",
    [
        {name: value for name, value in MESSAGE.items() if name != "max_tokens"},
        MESSAGE | {"stop": ["END"]},
        MESSAGE | {"messages": [{"role": "system", "content": "no"}, {"role": "robot", "content": "no"}]},
        MESSAGE | {"messages": [RESULT]},
        MESSAGE | {"messages": [USED, *MESSAGE["messages"]]},
        MESSAGE | {"tools": [{"type": "function", "function": {"name": "weather"}}]},
    ],
)
def test_anthropic_refuses_what_is_wrong(body: Any) -> None:
    with pytest.raises(RefusedError) as refusal:
        check_anthropic("messages", ANTHROPIC, body)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "headers", [ANTHROPIC | {"x-api-key": "sk-wrong"}, ANTHROPIC | {"anthropic-version": "1999-01-01"}]
)
def test_anthropic_refuses_wrong_headers(headers: dict[str, str]) -> None:
    with pytest.raises(RefusedError):
        check_anthropic("messages", headers, MESSAGE)
