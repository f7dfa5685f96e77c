"""When to try again, and after how long: decided here, done by the transports."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from smeplug.errors import APIConnectionError, APIError, SMEPlugError

RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter: a random time up to `base * 2**n` seconds, at most `ceiling`.

    A server's `Retry-After` takes its place. Beyond `patience` seconds the error is raised at once instead,
    because a caller would rather know than hang.
    """

    max_retries: int = 2
    base: float = 0.5
    ceiling: float = 8.0
    patience: float = 60.0
    uniform: Callable[[float, float], float] = random.uniform

    def pause(self, failure: SMEPlugError, failed: int) -> float | None:
        """Seconds to wait before the next try after `failed` tries, the last with `failure`; None to give up."""
        if failed > self.max_retries or not _is_passing(failure):
            return None
        asked = failure.retry_after if isinstance(failure, APIError) else None
        if asked is not None:
            return asked if asked <= self.patience else None
        return self.uniform(0.0, min(self.ceiling, self.base * 2.0 ** (failed - 1)))


class Attempts:
    """The count of one request's tries."""

    def __init__(self, policy: RetryPolicy, *, once: bool = False) -> None:
        self._policy = policy
        self._once = once
        self._failed = 0

    def pause_after(self, failure: SMEPlugError) -> float:
        """Seconds to wait before trying again; raises `failure` where trying again is of no use."""
        self._failed += 1
        pause = self._policy.pause(failure, self._failed)
        if pause is None or self._once:
            raise failure
        return pause


def _is_passing(failure: SMEPlugError) -> bool:
    if isinstance(failure, APIConnectionError):
        return True
    if not isinstance(failure, APIError):
        return False
    # A conflict that names a time is our own earlier try, still at work under the same idempotency key.
    return failure.status in RETRYABLE_STATUSES or (failure.status == 409 and failure.retry_after is not None)
