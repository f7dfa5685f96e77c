"""What the gateway counts for Prometheus. `observe` is called once for each call that a door answered."""

from typing import Literal

from patchbay.lib.metrics.instruments import Counter, Gauge, Histogram
from patchbay.products.gateway.wire.contracts import TokenUsage

SECONDS = Histogram(
    "patchbay_gateway_request_seconds", "Time from a request to its last byte", ("door", "model", "status")
)
FIRST_BYTE_SECONDS = Histogram(
    "patchbay_gateway_first_byte_seconds", "Time from a request to the first byte of its answer", ("door", "model")
)
TOKENS = Counter("patchbay_gateway_tokens", "Tokens by kind; parts are counted in their wholes too", ("model", "kind"))
RETRIES = Counter("patchbay_gateway_retries", "Tries after the first one", ("model",))
CACHE = Counter("patchbay_gateway_cache", "Requests that may be answered from the cache", ("model", "result"))
UPSTREAM_ERRORS = Counter("patchbay_gateway_upstream_errors", "Failed tries at providers", ("provider", "kind"))
BREAKERS = Gauge("patchbay_gateway_breaker", "0 closed, 1 half open, 2 open", ("provider",), fold="max")
OPEN_CALLS = Gauge("patchbay_gateway_open_calls", "Calls under way")
WAITING_CALLS = Gauge("patchbay_gateway_waiting_calls", "Calls that wait for room at a provider", ("provider",))

_STATUSES = {status: str(status) for status in range(100, 600)}


def observe(
    *,
    door: str,
    model: str,
    status: int,
    seconds: float,
    first_byte_seconds: float | None = None,
    usage: TokenUsage | None = None,
    tries: int = 1,
    cache: Literal["hit", "miss"] | None = None,
) -> None:
    """Count one call. `model` is the alias's name, "" where there is no such alias: clients must not make up labels.

    `status` is the HTTP status, 499 for a client that left; `tries` counts the upstream calls, 0 for none.
    """
    SECONDS.observe(seconds, door, model, _STATUSES.get(status, "0"))
    if first_byte_seconds is not None:
        FIRST_BYTE_SECONDS.observe(first_byte_seconds, door, model)
    if usage is not None:
        TOKENS.inc(model, "prompt", by=usage.prompt)
        TOKENS.inc(model, "completion", by=usage.completion)
        _count_parts(model, usage)
    if tries > 1:
        RETRIES.inc(model, by=tries - 1)
    if cache is not None:
        CACHE.inc(model, cache)


def _count_parts(model: str, usage: TokenUsage) -> None:
    if usage.cached:
        TOKENS.inc(model, "cached", by=usage.cached)
    if usage.cache_write:
        TOKENS.inc(model, "cache_write", by=usage.cache_write)
    if usage.cache_write_1h:
        TOKENS.inc(model, "cache_write_1h", by=usage.cache_write_1h)
    if usage.reasoning:
        TOKENS.inc(model, "reasoning", by=usage.reasoning)
    if usage.image:
        TOKENS.inc(model, "image", by=usage.image)
    if usage.audio_prompt or usage.audio_completion:
        TOKENS.inc(model, "audio_prompt", by=usage.audio_prompt)
        TOKENS.inc(model, "audio_completion", by=usage.audio_completion)
