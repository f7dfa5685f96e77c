"""Ways to ask Patchbay for an answer that costs credits: every metered route, whole and streamed, models and plugs."""

import json
from dataclasses import dataclass
from typing import Any

from benchmarks.gateway import wire

OUTPUT_TOKENS = 34
"""What the fake vendor counts for every answer; it counts 1,200 for every prompt, and no token is less than a byte."""
WORDS = "Say something of some length about notice periods, please. " * 24


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One way to ask: `ending` stands in every answer that is whole."""

    path: str
    body: dict[str, Any]
    ending: bytes

    def request(self, key: str) -> bytes:
        return wire.post(self.path, json.dumps(self.body).encode(), {"authorization": f"Bearer {key}"})


def chat(model: str, *, max_tokens: int | None = OUTPUT_TOKENS) -> Route:
    """Return a plain chat with a model, with a limit of its own or without one."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": WORDS}]}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    return Route("/v1/chat/completions", body, b'"usage"')


def every_route(model: str, embedding_model: str) -> tuple[Route, ...]:
    """Return one route for each way; answers of `model` are held for exactly what the fake vendor will count."""
    said = chat(model).body
    response = {"model": model, "input": WORDS, "max_output_tokens": OUTPUT_TOKENS}
    plug = {"model": "plug/legal-v1", "messages": [{"role": "user", "content": "What is the limit of liability?"}]}
    asked = {"plugin_id": "legal-v1", "message": "What is the interest rate on late payment?"}
    streams = {"stream": True}
    return (
        Route("/v1/chat/completions", said, b'"usage"'),
        Route("/v1/chat/completions", said | streams, b"data: [DONE]"),
        Route("/v1/responses", response, b'"usage"'),
        Route("/v1/responses", response | streams, b"event: response.completed"),
        Route("/v1/messages", said, b'"usage"'),
        Route("/v1/messages", said | streams, b"event: message_stop"),
        Route("/v1/embeddings", {"model": embedding_model, "input": WORDS}, b'"usage"'),
        Route("/v1/chat/completions", plug, b'"usage"'),
        Route("/v1/chat/completions", plug | streams, b"data: [DONE]"),
        Route("/v1/chat", asked, b'"usage"'),
        Route("/v1/chat", asked | streams, b"event: done"),
    )
