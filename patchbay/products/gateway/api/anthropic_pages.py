"""Anthropic's list of models, page by page (docs.claude.com/en/api/models-list), as its SDKs turn the pages.

The list is in the order of names, so a page goes on at the right place also where the model it ended with has gone.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchbay.lib.rest import to_rfc3339
from patchbay.products.gateway.contracts import ModelAlias
from patchbay.products.gateway.wire.reading import invalid

DEFAULT_LIMIT, MAX_LIMIT = 20, 1000


def show_page(models: Sequence[ModelAlias], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the page that `limit` and one of `after_id` and `before_id` ask for, of models in the order of names.

    `has_more` says whether there are more in the direction of reading. InvalidError names a parameter that is wrong.
    """
    limit = _limit_of(query.get("limit"))
    after, before = query.get("after_id"), query.get("before_id")
    if after is not None and before is not None:
        raise invalid("before_id", "Use after_id or before_id, not both.")
    names = [model.name for model in models]
    if before is not None:
        end = bisect_left(names, before)
        start = max(0, end - limit)
        has_more = start > 0
    else:
        start = 0 if after is None else bisect_right(names, after)
        end = start + limit
        has_more = end < len(names)
    data = [as_anthropic(model) for model in models[start:end]]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"data": data, "has_more": has_more, **ends}


def as_anthropic(model: ModelAlias) -> dict[str, Any]:
    """Return a model as Anthropic shows it."""
    created = to_rfc3339(datetime.fromtimestamp(model.created, UTC))
    return {"type": "model", "id": model.name, "display_name": model.name, "created_at": created}


def _limit_of(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise invalid("limit", f"Use a number from 1 to {MAX_LIMIT:,}.")
    return int(text)
