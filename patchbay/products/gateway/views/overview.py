"""The gateway at a glance: requests, tokens, latencies, errors and cost over a chosen time, and by model."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from patchbay.lib.charts import Chart, Series, stack
from patchbay.lib.pages import PageRequest, signed_in
from patchbay.products.gateway import queries
from patchbay.products.gateway.queries.figures import Numbers, Overview
from patchbay.products.gateway.views.frame import page
from patchbay.web.templatetags.patchbay import amount


@dataclass(frozen=True, slots=True)
class Range:
    """A time to look at: its name in the address, in words, how long it is and in which steps it is drawn."""

    key: str
    name: str
    length: timedelta
    step: timedelta


RANGES = (
    Range("1h", "1 hour", timedelta(hours=1), timedelta(minutes=10)),
    Range("24h", "24 hours", timedelta(hours=24), timedelta(hours=1)),
    Range("7d", "7 days", timedelta(days=7), timedelta(hours=6)),
    Range("30d", "30 days", timedelta(days=30), timedelta(days=1)),
)
DEFAULT = RANGES[1]


@require_GET
@signed_in
def overview(request: PageRequest) -> HttpResponse:
    """Viewers, who see models alone, are led to those."""
    if request.actor.role == "viewer":
        return redirect("gateway:models")
    chosen = next((each for each in RANGES if each.key == request.GET.get("range")), DEFAULT)
    now = datetime.now(UTC)
    seen = queries.overview(request.actor.organisation_id, since=now - chosen.length, until=now, step=chosen.step)
    context = {
        "seen": seen,
        "chosen": chosen,
        "ranges": RANGES,
        "charts": _charts(seen),
        "tokens": sum(seen.total.tokens.get(item, 0) for item in ("prompt_tokens", "completion_tokens")),
        "failed_percent": f"{100 * seen.total.error_rate:.2f}",
        "base_url": settings.BASE_URL,
        "model": _first_model(request.actor.organisation_id) if not seen.total.requests else "",
    }
    return page(request, "overview/page", "overview", context)


def _first_model(organisation_id: str) -> str:
    """Return a model that the first steps can name: one that may be used, the built-in one last."""
    names = [model.name for model in queries.list_models(organisation_id) if model.allowed]
    return next((name for name in names if "/" not in name), names[0] if names else "")


def _charts(seen: Overview) -> list[Chart]:
    ok, failed = Series("succeeded", "si"), Series("failed", "sx")
    prompt, cached, written = Series("prompt", "si"), Series("cached", "s0"), Series("completion", "s2")
    half, most, nearly_all = Series("p50", "si"), Series("p95", "s0"), Series("p99", "s2")
    return [
        _chart(seen, "How many requests?", "requests", (ok, failed), lambda n: (n.requests - n.errors, n.errors)),
        _chart(seen, "What did they cost?", "credits", (Series("credits", "si"),), lambda n: (n.cost_micro,), amount),
        _chart(seen, "How long did they take?", "milliseconds", (half, most, nearly_all), _latencies, whole=False),
        _chart(seen, "How many tokens?", "tokens", (prompt, cached, written), _tokens),
    ]


def _chart(
    seen: Overview,
    question: str,
    unit: str,
    series: tuple[Series, ...],
    values: Callable[[Numbers], tuple[int, ...]],
    say: Callable[[int], str] = "{:,}".format,
    *,
    whole: bool = True,
) -> Chart:
    return stack(
        question,
        unit,
        series=series,
        starts=[point.start for point in seen.points],
        values=[values(point.numbers) for point in seen.points],
        step=seen.step,
        say=say,
        whole=whole,
    )


def _latencies(numbers: Numbers) -> tuple[int, ...]:
    latency = numbers.latency
    return latency.p50 or 0, latency.p95 or 0, latency.p99 or 0


def _tokens(numbers: Numbers) -> tuple[int, ...]:
    tokens = numbers.tokens
    cached = tokens.get("cached_tokens", 0)
    return tokens.get("prompt_tokens", 0) - cached, cached, tokens.get("completion_tokens", 0)
