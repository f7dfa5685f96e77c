"""What the clients are made to do. A scenario takes a client and a model, checks its answer, returns what it saw."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel


@dataclass
class Seen:
    """`meaning` must be the same whichever provider served; `full` too, as long as the format stayed the same."""

    meaning: Any
    full: Any = field(default=None)


class Forecast(BaseModel):
    city: str
    degrees: int


def dump(answer: BaseModel) -> dict[str, Any]:
    """Return all of an answer, unknown fields too."""
    return answer.model_dump(warnings=False)


SYSTEM = "You keep the harbour log."
QUESTION = "When does the tide turn — høyvann?"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DATA_URL = f"data:image/png;base64,{PIXEL}"
IMAGE_URL = "https://images.example/harbour.jpg"
RESULTS = {"call_0": "-3 °C", "call_1": "4 °C"}
