"""What the parts of the engine hand each other: requests on their way upstream, answers on their way back.

A *transport* carries requests to one provider; its answers look like HTTP, whether a server or a model of this very
process gave them, so that routing, reading and metering know one kind.
"""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from patchbay.lib.asgi.types import Headers
from patchbay.products.gateway.contracts import Act, Caller, ModelTarget, ProviderConfig, ProviderKey
from patchbay.products.gateway.wire.contracts import Body, Format, Head, Target, Translation, Wire
from patchbay.products.gateway.wire.contracts import TokenUsage as TokenUsage  # what a call used, for its callers

if TYPE_CHECKING:
    from patchbay.products.gateway.engine.calls import Engine

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "content_filter"]

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
class Delta:
    """The next piece of a model's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a local model's answer; `usage` None when it counted nothing.

    A model that pays for itself gives `settle`, which takes the response to keep for a retry and returns after the
    commit, and `cost_micro`, what that costs.
    """

    reason: FinishReason = "stop"
    usage: TokenUsage | None = None
    settle: Callable[[bytes | None], Awaitable[None]] | None = None
    cost_micro: int = 0


class LocalRequest(msgspec.Struct, frozen=True):
    """A request to a model of this process: a chat body, who asks, and evidence where a plug gathered some.

    `engine` is for a model that makes calls of its own.
    """

    caller: Caller
    act: Act
    body: Body
    max_output_tokens: int
    engine: "Engine"
    evidence: Evidence | None = None


LocalStream = AsyncGenerator[Delta | Finish, None]


class LocalModel(Protocol):
    """A model of this process. `stream` yields deltas, then one Finish; it raises an AppError when it cannot answer.

    It runs on the event loop: a model that computes does so in a thread. One that `pays_itself` makes metered calls
    of its own, and is not charged a second time.
    """

    pays_itself: bool

    def stream(self, request: LocalRequest) -> LocalStream: ...


class LocalFamily(LocalModel, Protocol):
    """A model for each of many things, such as plugs.

    `names` returns those that an organisation has, or a key of it that is for one plug. Blocking.
    """

    def names(self, organisation_id: str, plug_id: str | None = None) -> Sequence[str]: ...


class Answer(Protocol):
    """An answer whose head is in. `chunk` returns the next bytes of the body, None at its end.

    `read` returns all of it; HttpError when it is over `limit` bytes or not whole at `until`, by the monotonic clock.
    """

    @property
    def status(self) -> int: ...

    def header(self, name: bytes) -> str | None: ...

    async def chunk(self) -> bytes | None: ...

    async def read(self, limit: int, until: float = math.inf) -> bytes: ...

    def close(self) -> None: ...


class Outgoing(msgspec.Struct, frozen=True):
    """One request ready for a transport: the `wire` it is written in, its body and head; `local` for a local model.

    `translation` brings the answer back into the client's format, None where that is the same.
    """

    wire: Wire
    body: bytes
    head: Head
    passed: Headers = []
    translation: Translation | None = None
    local: LocalRequest | None = None


class Transport(Protocol):
    """Carries requests to one provider. `formats` are those that it speaks itself, best first.

    `pays_itself` is true of a local model that makes metered calls of its own. `send` returns once the head is in; it
    raises `lib.http.HttpError` when there is no answer.
    """

    @property
    def pays_itself(self) -> bool: ...

    @property
    def formats(self) -> frozenset[Format]: ...

    def target(self, target: ModelTarget, max_output_tokens: int | None) -> Target: ...

    async def send(self, outgoing: Outgoing, key: ProviderKey | None) -> Answer: ...

    def learn(self, outgoing: Outgoing, status: int) -> bool:
        """Take note of a refusal that shows what the provider cannot do; True when it is worth asking it anew."""
        ...


MakeTransport = Callable[[ProviderConfig], Transport]


class Ask(msgspec.Struct, frozen=True):
    """A call as a door or a plug asks for it.

    `wire` is the format that the client speaks, `passed` the headers that a provider of the same format gets too.
    """

    caller: Caller
    act: Act
    wire: Wire
    head: Head
    body: bytes
    passed: Headers = []
    evidence: Evidence | None = None


class Try(msgspec.Struct, gc=False):
    """One try of a call, as the log shows it: `status` 0 when there was no answer, `error` empty when it served."""

    provider: str
    model: str
    status: int
    error: str
    milliseconds: int


Tries = list[Try]
"""All tries of one call; the last one served if any did."""
Targets = Sequence[ModelTarget]
