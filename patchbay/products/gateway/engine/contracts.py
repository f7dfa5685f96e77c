"""What crosses the borders of the gateway: requests, events, usage, and the protocol that a provider fulfils."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from patchbay.products.gateway.contracts import Act as Act
from patchbay.products.gateway.contracts import Caller as Caller

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "content_filter", "cut"]
"""Why a model ended; `cut` means that we stopped reading because the client had left."""

MESSAGE_OVERHEAD_TOKENS = 8
"""Tokens that a chat template puts around one message, at most."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage that the prompt carries under `number` (from 1), with what retrieval knows about it.

    `score` is the fused score; `bm25` and `cosine` are the raw ones, None where that half did not find it. A rank
    counts from 1. `headings` is the path of headings above the text; `context` is all that is indexed with it: the
    headings, the columns of a row, the words that open a list. `spans` are its sentences (start, end in `text`).
    """

    number: int
    text: str
    title: str
    headings: tuple[str, ...] = ()
    page: int | None = None
    kind: str = "text"
    score: float = 0.0
    bm25: float | None = None
    bm25_rank: int | None = None
    cosine: float | None = None
    vector_rank: int | None = None
    context: str = ""
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an extractive model answers from: the bare question and the passages, as the prompt numbers them.

    `word_counts` says in how many of all `units` (not only the passages) each word of the question stands.
    """

    question: str
    passages: tuple[Passage, ...]
    units: int = 0
    word_counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat completion. `max_output_tokens` is written into the upstream body, so that a hold can cover it."""

    model: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    temperature: float | None = None
    evidence: Evidence | None = None

    def prompt_bytes(self) -> int:
        """The UTF-8 size of everything that the model reads."""
        return sum(len(message.content.encode("utf-8", "surrogatepass")) for message in self.messages)


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one call; `prompt` includes `cached`. `estimated`: no provider counted them, we did."""

    prompt: int
    completion: int
    cached: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the model's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a provider's stream; `usage` is what the provider counted, None when it counted nothing."""

    reason: FinishReason
    usage: TokenUsage | None = None


ProviderEvent = Delta | Finish
ProviderStream = AsyncGenerator[ProviderEvent, None]


@dataclass(frozen=True, slots=True)
class ChatResult:
    """A whole answer and what it used."""

    text: str
    usage: TokenUsage
    model: str
    provider: str
    finish_reason: FinishReason


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of a call."""

    result: ChatResult


ChatEvent = Delta | Done


class Provider(Protocol):
    """A source of chat completions.

    `stream` yields deltas and ends with exactly one Finish; it raises an AppError (`gateway.errors`) when the model
    cannot answer, and stops its upstream when it is closed. It runs on the event loop: a provider that computes does
    so in a thread. `prompt_bound` is the most tokens that the provider can
    count for the prompt: what a hold must cover.
    """

    name: str

    def prompt_bound(self, request: ChatRequest) -> int: ...

    def stream(self, request: ChatRequest) -> ProviderStream: ...
