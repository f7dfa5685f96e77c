"""How one call is answered, and how a model's name says it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tests.fakes.vendors.model import PIECE, Reply

PACE_SECONDS = 0.005


class Fault(StrEnum):
    """What goes wrong. A whole answer breaks in the middle of its body where a stream breaks after its first event."""

    RESET_BEFORE_HEAD = "reset-head"
    RESET_AFTER_FIRST_EVENT = "reset-first"
    RESET_INSIDE_EVENT = "reset-mid"
    CLOSED_INSIDE_BODY = "cut"
    """An orderly close without the last chunk."""
    STALL_BEFORE_HEAD = "stall-head"
    STALL_AFTER_FIRST_EVENT = "stall"
    MALFORMED_JSON = "malformed"
    NOT_HTTP = "garbage"
    WRONG_CONTENT_TYPE = "html"
    HUGE = "huge"
    """50 MB: one body, or a stream of that size whose last words never come."""
    ENDLESS = "endless"
    """A stream that goes on until the client ends it; a whole answer without end likewise."""
    ERROR_EVENT = "error-event"
    """The vendor's own error in the middle of a stream of status 200."""
    NO_ENDING = "no-ending"
    """A stream that ends in order, but without its last event."""
    NO_FINISH = "no-finish"
    """A stream that ends in order after its text: not a word on why, no usage, no last event."""


@dataclass(frozen=True)
class Script:
    """How one call is answered. Plain: 200, by what the call says, in the format and way that it asks for."""

    reply: Reply | None = None
    """What the model says, in place of what the call makes it say."""
    refusal: bool = False
    """The model declines, in the vendor's own way; its text is what it declines with."""
    usage: str | Mapping[str, Any] = "usual"
    """"usual", "absent", "zero" (reported as zero), "kinds" (every kind of tokens), or the vendor's own object."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    gate: str | None = None
    """The answer stops before event `gate_at` (its body, where whole) until `Upstream.open(gate)`."""
    gate_at: int = 1
    pace_seconds: float = 0.0
    """Between events; for measures only, tests use a gate."""
    flaky: bool = False
    """Fault and status befall every other call of a model only, the first one included."""

    def healthy(self) -> "Script":
        return replace(self, status=200, headers={}, fault=None)


def by_model(name: str) -> Script | None:
    """Return what a model's name says; None for a model that does not exist.

    Parts joined by `+`: `gpt…`, `o3…`, `claude…`, `embed…`, `text-embed…` (plain) · `fault-STATUS[-RETRY_AFTER]` ·
    `fault-FAULT` · `usage-absent|zero|kinds` · `usage-TOKENS` (of a chat: so many for prompt and answer each) ·
    `paced-EVENTS[-MILLISECONDS]` · `words-EVENTS` · `gated[-NAME]` · `refusal` · `flaky`. So: `fault-429-2`,
    `paced-40`, `gpt+usage-absent+fault-cut`.
    """
    script = Script()
    for part in name.split("+"):
        changes = _changes(part)
        if changes is None:
            return None
        script = replace(script, **changes)
    return script


def _changes(part: str) -> dict[str, Any] | None:
    kind, _, rest = part.partition("-")
    if re.match(r"gpt|claude|(text-)?embed|o\d", part):
        return {}
    if found := re.fullmatch(r"fault-([45]\d\d)(?:-([\d.]+))?", part):
        return {"status": int(found[1]), "headers": {"retry-after": found[2]} if found[2] else {}}
    if kind == "fault" and rest in Fault.__members__.values():
        return {"fault": Fault(rest)}
    if kind == "usage" and rest in ("absent", "zero", "kinds"):
        return {"usage": rest}
    if kind == "usage" and rest.isdecimal():
        count = int(rest)
        return {"usage": {"prompt_tokens": count, "completion_tokens": count, "total_tokens": 2 * count}}
    if found := re.fullmatch(r"paced-(\d+)(?:-(\d+))?", part):
        pace = int(found[2]) / 1000 if found[2] else PACE_SECONDS
        return {"reply": words(int(found[1])), "pace_seconds": pace}
    if found := re.fullmatch(r"words-(\d+)", part):
        return {"reply": words(int(found[1]))}
    if kind == "gated":
        return {"gate": rest or "gated"}
    return {"refusal": {"refusal": True}, "flaky": {"flaky": True}}.get(part)


def words(events: int) -> Reply:
    """Return a reply whose stream has so many events of text."""
    return Reply("".join(f"{number:<{PIECE}}"[:PIECE] for number in range(events)))


def load(text: bytes) -> Any:
    """Parse JSON as strictly as a vendor: no NaN, no name twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name stands twice in an object")
        return dict(pairs)

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, object_pairs_hook=once, parse_constant=refuse)
