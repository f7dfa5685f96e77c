"""What the parts of an answer hand each other: retrieval and prompt, the reading of a model's text, the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from patchbay.products.gateway.engine.contracts import Delta, Evidence, Message

Outcome = Literal["answered", "uncertain", "declined"]


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a plug: `organisation_id` is who asks, `plug_organisation_id` whose plug it is.

    `history` is oldest first and already bounded.
    """

    organisation_id: str
    plug_id: str
    plug_organisation_id: str
    persona: str
    text: str
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that stands in the stored text of a document's version, from `start` to `end` (code points)."""

    index: int
    document_id: str
    document_version: int
    title: str
    page: int | None
    section: str | None
    quote: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole answer: `text` and `citations` as they were given out piece by piece; `support` 0–1 or unknown.

    `withheld` counts the model's sentences that no verified quote bore out.
    """

    outcome: Outcome
    text: str
    citations: tuple[Citation, ...]
    support: float | None
    withheld: int = 0


class Reader(Protocol):
    """Reads a model's text as it streams and gives out only what is verified.

    `feed` and `finish` return deltas and citations in the order a client shall see them; `finish` is called once,
    after the last feed, and `verdict` only after it.
    """

    def feed(self, text: str) -> Sequence[Delta | Citation]: ...

    def finish(self) -> Sequence[Delta | Citation]: ...

    @property
    def verdict(self) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question ready for a model: the prompt, the same passages as evidence, and who reads the answer."""

    messages: tuple[Message, ...]
    evidence: Evidence
    reader: Reader


class Answering(Protocol):
    """`plugs.engine.answering`: retrieval and prompt. Blocking; called in a thread."""

    def prepare(self, question: Question) -> Prepared: ...
