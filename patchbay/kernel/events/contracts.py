"""An event as its handler sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in an organisation; `id` is the same each time it is delivered."""

    id: str
    organisation_id: str
    type: str
    payload: dict[str, Any]
    created_at: datetime


Handler: TypeAlias = Callable[[Event], object]
