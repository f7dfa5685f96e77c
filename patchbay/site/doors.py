"""The doors that any OpenAI or Anthropic client comes in by, each with a call that can be copied and works here."""

import json
from dataclasses import dataclass
from typing import Any

PLUG_MODEL = "plug/legal-v1"
EMBEDDING_MODEL = "patchbay/offline"

_QUESTION = "What is the interest rate on late payment?"
_SAID = [{"role": "user", "content": _QUESTION}]


@dataclass(frozen=True, slots=True)
class Door:
    """An operation: what it does, whose format it speaks, and the body of a call, None where it takes none."""

    method: str
    path: str
    does: str
    format: str
    body: dict[str, Any] | None = None

    def curl(self, base_url: str) -> str:
        """Return the call as a command of a shell in which `SME_API_KEY` is set."""
        lines = [f"curl {base_url}{self.path}", '-H "Authorization: Bearer $SME_API_KEY"']
        if self.body is not None:
            lines += ['-H "Content-Type: application/json"', f"-d '{json.dumps(self.body)}'"]
        return " \\\n  ".join(lines)


DOORS = (
    Door("POST", "/v1/chat/completions", "A chat", "OpenAI", {"model": PLUG_MODEL, "messages": _SAID}),
    Door("POST", "/v1/responses", "A response", "OpenAI", {"model": PLUG_MODEL, "input": _QUESTION}),
    Door("POST", "/v1/messages", "A message", "Anthropic", {"model": PLUG_MODEL, "max_tokens": 500, "messages": _SAID}),
    Door(
        "POST",
        "/v1/messages/count_tokens",
        "How long a message is",
        "Anthropic",
        {"model": PLUG_MODEL, "messages": _SAID},
    ),
    Door("POST", "/v1/embeddings", "Vectors of texts", "OpenAI", {"model": EMBEDDING_MODEL, "input": "late payment"}),
    Door("GET", "/v1/models", "Which models there are", "Either"),
)
