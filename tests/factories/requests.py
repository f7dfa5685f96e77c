"""Lines of the gateway's request log, as the engine leaves them."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from patchbay.kernel.plans.contracts import CostLine, Rate
from patchbay.kernel.usage.models import UsageRecord
from patchbay.lib.ids import new_id
from patchbay.products.gateway.engine.request_log import Failure, write
from patchbay.products.gateway.queries.requests import TryView


def success(
    organisation_id: str, *, detail: dict[str, Any] | None = None, lines: tuple[CostLine, ...] = (), **terms: Any
) -> str:
    """Record an answered request; return its id."""
    request_id = new_id("req")
    values: dict[str, Any] = {
        "product": "gateway",
        "operation": "chat",
        "model": "smart",
        "provider": "openai",
        "environment": "live",
        "prompt_tokens": 2418,
        "cached_tokens": 1536,
        "completion_tokens": 691,
        "latency_ms": 3184,
        "cost_micro": 2_648_000,
        "tries": 1,
        "outcome": "answered",
        "lines": msgspec.json.encode(lines).decode(),
        "detail": msgspec.json.encode(detail).decode() if detail else "",
        "created_at": datetime.now(UTC),
    }
    UsageRecord.objects.create(request_id=request_id, organisation_id=organisation_id, **values | terms)
    return request_id


def failure(organisation_id: str, **terms: Any) -> str:
    """Note a failed request; return its id."""
    tries = [TryView("onsite", "llama-3.3-70b", 0, "unreachable", 3000), TryView("openai", "gpt-4.1", 503, "", 42)]
    values: dict[str, Any] = {
        "door": "chat",
        "status": 503,
        "code": "model_unavailable",
        "message": "The model provider does not answer",
        "alias": "smart",
        "tries": tries,
        "latency_ms": 3042,
    }
    note = Failure(request_id=new_id("req"), organisation_id=organisation_id, **values | terms)
    write([note])
    return note.request_id


COST_LINES = (
    CostLine("prompt_tokens", 882, Rate(1_000_000, 1000), 882_000),
    CostLine("cached_tokens", 1536, Rate(250_000, 1000), 384_000),
    CostLine("completion_tokens", 691, Rate(2_000_000, 1000), 1_382_000),
)
