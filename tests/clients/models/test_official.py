"""The official OpenAI and Anthropic clients, unmodified: what they get through Patchbay is what the vendor gives."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.models.route import Route
from tests.clients.models.scenarios import Seen, anthropic_messages, openai_chat, openai_lists, openai_responses

Scenario = Callable[[Any, str], Seen]


@pytest.mark.parametrize("scenario", [*openai_chat.SAME_FORMAT, *openai_responses.ANY_PROVIDER])
def test_openai_gets_from_openai_what_the_vendor_sends(scenario: Scenario, straight: Route, through: Route) -> None:
    assert scenario(through.openai, "gpt") == scenario(straight.openai, "gpt")


@pytest.mark.parametrize("scenario", openai_lists.ALL)
def test_openai_gets_the_vendors_embeddings(scenario: Scenario, straight: Route, through: Route) -> None:
    assert scenario(through.openai, "embed") == scenario(straight.openai, "embed")


@pytest.mark.parametrize("scenario", anthropic_messages.SAME_FORMAT)
def test_anthropic_gets_from_anthropic_what_the_vendor_sends(
    scenario: Scenario, straight: Route, through: Route
) -> None:
    assert scenario(through.anthropic, "claude") == scenario(straight.anthropic, "claude")


@pytest.mark.parametrize("scenario", [*openai_chat.ANY_PROVIDER, *openai_responses.ANY_PROVIDER])
def test_openai_gets_the_same_meaning_from_anthropic(scenario: Scenario, straight: Route, through: Route) -> None:
    assert scenario(through.openai, "claude").meaning == scenario(straight.openai, "gpt").meaning


@pytest.mark.parametrize("scenario", anthropic_messages.ANY_PROVIDER)
def test_anthropic_gets_the_same_meaning_from_openai(scenario: Scenario, straight: Route, through: Route) -> None:
    assert scenario(through.anthropic, "gpt").meaning == scenario(straight.anthropic, "claude").meaning
