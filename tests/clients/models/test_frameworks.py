"""LangChain and LlamaIndex, unmodified: what they get through Patchbay is what the vendor alone gives them."""

from typing import Any

import pytest

from tests.clients.models.outside import OTHER, Client, Family, run, seen
from tests.clients.models.route import Route
from tests.clients.models.vendors import Vendors

_LANGCHAIN = ("invoked", "streamed", "batched", "tools", "streamed_tools", "structured", "image")
CLIENTS = {
    "langchain": Client(
        "langchain",
        (
            Family(
                "gpt",
                any_vendor=(
                    *(f"{format}_{scenario}" for format in ("chat", "responses") for scenario in _LANGCHAIN),
                    "chat_streamed_with_usage",
                ),
                own_vendor=("embeddings",),
            ),
            Family(
                "claude",
                any_vendor=tuple(f"messages_{scenario}" for scenario in _LANGCHAIN),
                own_vendor=("messages_thinking", "messages_sampling_is_refused"),
            ),
        ),
        in_node=False,
    ),
    "llamaindex": Client(
        "llamaindex",
        (
            Family(
                "gpt",
                any_vendor=("completed", "chatted", "streamed", "streamed_async", "tools", "structured", "image"),
                own_vendor=("embeddings",),
            ),
        ),
        in_node=False,
    ),
}


@pytest.fixture(scope="module")
def ends(straight: Route, through: Route, vendors: Vendors) -> dict[str, dict[str, Any]]:
    """How all scenarios of both frameworks ended, each in one process."""
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
