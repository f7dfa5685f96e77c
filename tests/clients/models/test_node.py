"""The clients of Node, unmodified: what they get through Patchbay is what the vendor alone gives them."""

from typing import Any

import pytest

from tests.clients.models.outside import OTHER, Client, Family, run, seen
from tests.clients.models.route import Route
from tests.clients.models.vendors import Vendors

_AI = ("text", "streamed", "tools", "object", "image")
CLIENTS = {
    "openai": Client(
        "openai",
        (
            Family(
                "gpt",
                any_vendor=(
                    "streamedChat",
                    "streamedChatWithUsage",
                    "parallelTools",
                    "image",
                    "parsed",
                    "response",
                    "streamedResponse",
                    "toolsOfAResponse",
                    "parsedResponse",
                    "models",
                    "firstEventBeforeTheRest",
                    "abortedStream",
                ),
                own_vendor=(
                    "chat",
                    "choicesWithLogprobs",
                    "embeddings",
                    "refusedParameter",
                    "wrongKey",
                    "unknownModel",
                ),
            ),
        ),
    ),
    "anthropic": Client(
        "anthropic",
        (
            Family(
                "claude",
                any_vendor=(
                    "message",
                    "streamedMessage",
                    "streamHelper",
                    "parallelTools",
                    "image",
                    "parsed",
                    "models",
                    "byToken",
                    "firstEventBeforeTheRest",
                    "abortedStream",
                ),
                own_vendor=("thinking", "countedTokens", "refusedSampling", "wrongKey", "unknownModel"),
            ),
        ),
    ),
    "ai": Client(
        "ai",
        (
            Family(
                "gpt",
                any_vendor=(
                    *(f"{format}_{scenario}" for format in ("chat", "responses", "compatible") for scenario in _AI),
                    "firstEventBeforeTheRest",
                ),
                own_vendor=("embeddings", "wrongKey"),
            ),
            Family("claude", any_vendor=tuple(f"messages_{scenario}" for scenario in _AI)),
        ),
    ),
}


@pytest.fixture(scope="module")
def ends(straight: Route, through: Route, vendors: Vendors) -> dict[str, dict[str, Any]]:
    """How all scenarios of all clients ended, each client in one process."""
    return {name: run(client, straight, through, vendors.origin) for name, client in CLIENTS.items()}


@pytest.mark.parametrize(
    ("client", "model", "scenario"),
    [(name, *case) for name, client in CLIENTS.items() for case in client.same()],
)
def test_same_as_without_patchbay(client: str, model: str, scenario: str, ends: dict[str, Any]) -> None:
    assert seen(ends[client], "through", model, scenario) == seen(ends[client], "straight", model, scenario)


@pytest.mark.parametrize(
    ("client", "model", "scenario"),
    [(name, *case) for name, client in CLIENTS.items() for case in client.crossed()],
)
def test_same_by_the_other_vendor(client: str, model: str, scenario: str, ends: dict[str, Any]) -> None:
    assert seen(ends[client], "crossed", model, scenario) == seen(ends[client], "straight", OTHER[model], scenario)
