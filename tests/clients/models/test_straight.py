"""The fake vendors satisfy the official clients: without Patchbay, every scenario is green."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.models.route import Route
from tests.clients.models.scenarios import Seen, anthropic_messages, openai_chat, openai_lists, openai_responses

Scenario = Callable[[Any, str], Seen]


@pytest.mark.parametrize("scenario", [*openai_chat.SAME_FORMAT, *openai_responses.ANY_PROVIDER])
def test_openai(scenario: Scenario, straight: Route) -> None:
    scenario(straight.openai, "gpt")


@pytest.mark.parametrize("scenario", openai_lists.ALL)
def test_openai_embeddings(scenario: Scenario, straight: Route) -> None:
    scenario(straight.openai, "embed")


@pytest.mark.parametrize("scenario", anthropic_messages.SAME_FORMAT)
def test_anthropic(scenario: Scenario, straight: Route) -> None:
    scenario(straight.anthropic, "claude")
