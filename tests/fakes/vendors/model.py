"""The made-up model: says back what it was given, calls the tools it has, fills the schema it is shown."""

import json
from dataclasses import dataclass, field
from typing import Any

CITIES = ("Oslo", "Bergen")
DEGREES = -3
FORECAST = '{"city": "Oslo", "degrees": -3}'
PIECE = 9
"""Characters of one event of a stream: words, letters of more than one byte and escapes are cut anywhere."""


@dataclass
class Asked:
    """What a vendor understood of a call. `tools` are schemas by name, `results` are by the id of their call."""

    system: str = ""
    texts: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    forced: str = ""
    parallel: bool = True
    results: dict[str, str] = field(default_factory=dict)
    schema: dict[str, Any] | None = None
    stops: list[str] = field(default_factory=list)
    limit: int | None = None
    thinks: bool = False


@dataclass(frozen=True)
class ToolCall:
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """What the model writes; `ending` is "stop", "length", "tools" or the stop sequence that it met, quoted."""

    text: str = ""
    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    ending: str = "stop"

    def pieces(self) -> list[str]:
        return cut(self.text)


@dataclass(frozen=True)
class Usage:
    """Tokens as both vendors report them, each in its own way: `cached` is a part of `prompt`."""

    prompt: int = 1200
    cached: int = 200
    completion: int = 34
    reasoning: int = 0


def think(asked: Asked) -> Reply:
    """Answer a call."""
    thought = "First the tide, then the wind." if asked.thinks else ""
    if asked.tools and not asked.results:
        return Reply(thought=thought, calls=_calls(asked), ending="tools")
    if asked.schema is not None:
        return Reply(FORECAST, thought)
    said = {"system": asked.system, "user": asked.texts, "images": asked.images, "results": asked.results}
    text = "☂ “naïve” " + json.dumps({name: value for name, value in said.items() if value}, ensure_ascii=False)
    if asked.limit is not None and asked.limit < 10:
        return Reply(text[:PIECE], thought, ending="length")
    return Reply(text, thought, ending=f"'{asked.stops[0]}'" if asked.stops else "stop")


def _calls(asked: Asked) -> tuple[ToolCall, ...]:
    """Call the forced tool once, else the first one: for two cities, unless only one call at a time is wanted."""
    name = asked.forced or next(iter(asked.tools))
    wanted = asked.tools[name].get("properties", {})
    calls = []
    for number, city in enumerate(CITIES[: 1 if asked.forced or not asked.parallel else 2]):
        known = {"city": city, "degrees": DEGREES}
        arguments = json.dumps({field: known[field] for field in wanted})
        calls.append(ToolCall(f"call_{number}", name, arguments))
    return tuple(calls)


def cut(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
