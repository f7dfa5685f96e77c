"""What every wire format gives the engine, and how one format becomes another.

A *wire* is one format of requests and answers (`chat`, `responses`, `messages`, `embeddings`). The engine asks it what
a request may cost (`Head`), lets it write the body for the upstream, and follows the answer with a reader that says
which bytes may go on to the client, what was used, and whether the answer is whole.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from patchbay.kernel.plans.contracts import BYTES_PER_TOKEN
from patchbay.lib.errors import AppError, InvalidError
from patchbay.lib.money import ceil_div

Format = Literal["chat", "responses", "messages", "embeddings", "count_tokens"]
Body = dict[str, Any]

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""No event of a stream is larger; a larger one breaks the call."""


class TokenUsage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one call. `prompt` is all that the model read, `completion` all that it wrote; the rest are parts.

    Of the prompt: `cached` was read from the provider's cache, `cache_write` was written to it, `cache_write_1h` for an
    hour (and is no part of `cache_write`), `audio_prompt` is sound, `image` pictures. Of the completion: `reasoning` is
    thought, `audio_completion` sound. `estimated`: no provider counted them, or one side of them: we did. `lacks` names
    the side that its provider left out; until it is estimated there is as much of it as its parts.
    """

    prompt: int
    completion: int
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    audio_prompt: int = 0
    image: int = 0
    reasoning: int = 0
    audio_completion: int = 0
    estimated: bool = False
    lacks: Literal["", "prompt", "completion"] = ""

    def sound(self) -> "TokenUsage":
        """Return it without negatives, no part larger than what is left of its whole."""
        of_prompt = (self.cached, self.cache_write, self.cache_write_1h, self.audio_prompt, self.image)
        read, least = sum(of_prompt), min(*of_prompt, self.reasoning, self.audio_completion)
        if least >= 0 and read <= self.prompt and self.reasoning + self.audio_completion <= self.completion:
            return self
        prompt, completion = max(0, self.prompt), max(0, self.completion)
        cached, cache_write, cache_write_1h, audio_prompt, image = _parts(prompt, of_prompt)
        reasoning, audio_completion = _parts(completion, (self.reasoning, self.audio_completion))
        return TokenUsage(
            prompt,
            completion,
            cached=cached,
            cache_write=cache_write,
            cache_write_1h=cache_write_1h,
            audio_prompt=audio_prompt,
            image=image,
            reasoning=reasoning,
            audio_completion=audio_completion,
            estimated=self.estimated,
            lacks=self.lacks,
        )

    def cut_at(self, produced_bytes: int) -> "TokenUsage":
        """Return it for a stream that was cut: a completion of at least what came, which is a count of ours."""
        completion = max(self.completion, ceil_div(produced_bytes, BYTES_PER_TOKEN))
        lacks = "" if self.lacks == "completion" else self.lacks
        return msgspec.structs.replace(self, completion=completion, estimated=True, lacks=lacks)

    def of_sides(self, prompt: int | None, completion: int | None, total: int | None = None) -> "TokenUsage | None":
        """Return it made sound, where its provider told these; None where it counted neither side.

        A side that it left out is what its total has above the other, if anything.
        """
        if prompt is not None and completion is not None:
            return self.sound()
        if prompt is not None:
            rest, parts = (total or 0) - prompt, self.reasoning + self.audio_completion
            whole, lacks = max(rest, parts), "" if rest > 0 else "completion"
            return msgspec.structs.replace(self, completion=whole, lacks=lacks).sound()
        if completion is not None:
            rest = (total or 0) - completion
            parts = self.cached + self.cache_write + self.cache_write_1h + self.audio_prompt + self.image
            whole, lacks = max(rest, parts), "" if rest > 0 else "prompt"
            return msgspec.structs.replace(self, prompt=whole, lacks=lacks).sound()
        return None


def _parts(whole: int, parts: tuple[int, ...]) -> list[int]:
    kept = []
    for part in parts:
        kept.append(min(max(0, part), whole))
        whole -= kept[-1]
    return kept


class Reference(msgspec.Struct, frozen=True, gc=False):
    """The id of what a provider stored, and the field of the request that names it."""

    field: str
    id: str


class Head(msgspec.Struct, frozen=True, gc=False):
    """What the engine must know of a request.

    `max_output_tokens` bounds one of `choices` answers, None when the client set no bound. `images` are pictures (or
    other attachments) whose tokens the body's bytes do not bound. `opaque`: the request refers to what only the
    provider holds (a stored answer, a file, a tool that the provider runs), so that nothing here bounds its prompt.
    `include_usage`: the client of a stream asked for its usage event. `refers`: it goes on from an answer that a
    provider stored (`previous_response_id`, `conversation`), which only that provider can; `references` are those ids
    of such things that came with an answer. `unpriced` names a field for which a provider charges more than tokens: a
    faster tier, a search, a container; "" when there is none.
    """

    model: str
    stream: bool = False
    max_output_tokens: int | None = None
    choices: int = 1
    tools: bool = False
    images: int = 0
    opaque: bool = False
    include_usage: bool = False
    refers: bool = False
    references: tuple[Reference, ...] = ()
    unpriced: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """For whom an upstream body is written: the model's name there, the output limit that the hold covers.

    `limit_field` is the name under which a chat server takes the limit: OpenAI's own newer models refuse
    `max_tokens`, compatible servers often know nothing else.
    """

    model: str
    max_output_tokens: int | None
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_completion_tokens"


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """What a whole answer says: the provider's own count, None when it counted nothing, and how much it wrote.

    `stored` are the ids under which the provider keeps the answer and its items; none where it does not.
    """

    usage: TokenUsage | None
    produced_bytes: int
    stored: tuple[str, ...] = ()


class StreamReader(Protocol):
    """Follows one stream.

    `feed` takes bytes as the network cut them and returns whole events that may leave now; the events that end the
    answer are kept back: `final` returns them, to be sent once the answer is paid for. `ended` says that the last
    event of the format came. When the upstream stops before that, call `stop`: it reads what lacked its last line
    end and sets `ended` if the answer is whole all the same (a chat server that sends no `[DONE]`); an answer that
    has not ended then is broken. ModelBrokenError from `feed` and `stop` for what cannot be read and for an error
    that the provider reports in its midst.
    """

    ended: bool

    @property
    def usage(self) -> TokenUsage | None:
        """What the provider counted; None as long as it counted nothing. Of a cut stream it may be `estimated`, and
        one side may lack."""
        ...

    @property
    def stored(self) -> tuple[str, ...]:
        """The ids under which the provider keeps the answer, as `WholeAnswer` has them; none before its end."""
        ...

    def feed(self, chunk: bytes) -> bytes: ...

    def stop(self) -> None: ...

    def final(self) -> bytes: ...

    def produced_bytes(self) -> int:
        """UTF-8 bytes of text, thought and tool arguments so far, for an estimate."""
        ...


class Wire(Protocol):
    """One format. `path` is the operation's path below a provider's base URL."""

    @property
    def name(self) -> Format: ...

    @property
    def path(self) -> str: ...

    def read(self, body: bytes) -> Head:
        """Read a request; InvalidError names the field (`fields[0].field`), BadRequestError when it is not JSON."""
        ...

    def prepare(self, body: bytes, head: Head, target: Target) -> bytes:
        """Return the body for an upstream of the same format: every field as it came, but for the model's name, the
        output limit and, in a chat stream, `stream_options.include_usage`."""
        ...

    def read_answer(self, body: bytes) -> WholeAnswer:
        """Read a whole answer; ModelBrokenError when it is none."""
        ...

    def reader(self, head: Head) -> StreamReader:
        """Return a reader for one stream; a chat reader leaves out the usage event that only we asked for."""
        ...

    def error_body(self, error: AppError, request_id: str) -> bytes:
        """Return an error in the format's own shape."""
        ...

    def error_event(self, error: AppError, request_id: str, after: bytes = b"") -> bytes:
        """Return an error as the last event of a stream that had begun; `after` is what was sent last."""
        ...


class EventTranslator(Protocol):
    """Turns whole events of one format into events of another, statefully; pure but for its own memory."""

    def feed(self, events: bytes) -> bytes: ...

    def final(self, events: bytes, usage: TokenUsage) -> bytes:
        """Translate the events that ended the upstream's answer; returns those that end ours, with what is charged."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer's translation needs of its request.

    `model` as the client named it; `answer_id` and `created` (Unix seconds) for our answer; `include_usage` as the
    client's head has it; `request` the client's own body, parts of which a response repeats (others need it not).
    """

    model: str
    answer_id: str
    created: int
    include_usage: bool = False
    request: Body = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Translation:
    """One cell of the table: requests go one way, answers come back the other, showing the usage that is charged.

    `request` raises UnsupportedError for what the other format cannot say.
    """

    request: Callable[[Body], Body]
    answer: Callable[[Body, Asked, TokenUsage], Body]
    events: Callable[[Asked], EventTranslator]


class UnsupportedError(InvalidError):
    """A field that the provider behind the model cannot take; `fields[0].field` names it."""

    status, code, title = 400, "unsupported_parameter", "The model behind this name cannot take that"
    advice = "Leave the field out, or choose a model whose provider speaks this format itself."
