"""A provider's own limits: how many calls at once and a minute, with a bounded queue that waits for a place."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from patchbay.products.gateway.contracts import ProviderConfig, ProviderKey
from patchbay.products.gateway.errors import ModelBusyError


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """Somebody who waits for a place since a moment of the clock; `done` once there is one, or a refusal."""

    since: float
    done: "asyncio.Future[None]"

    @property
    def has_place(self) -> bool:
        return self.done.done() and not self.done.cancelled() and self.done.exception() is None


class Gate:
    """The places of one provider in this process, its keys' turns, and who waits for a place."""

    def __init__(self, config: ProviderConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._config = config
        self._active = 0
        self._next_at = 0.0
        self._waiting: deque[Turn] = deque()
        self._resting: dict[str, float] = {}
        self._turns: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def active(self) -> int:
        return self._active

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def update(self, config: ProviderConfig) -> None:
        """Take over changed limits; what is under way is not touched."""
        self._config = config

    @property
    def is_free(self) -> bool:
        """Whether a call could begin at once."""
        limit = self._config.max_concurrent
        return not self._waiting and (limit is None or self._active < limit) and self._pause() <= 0

    def enter(self) -> bool:
        """Take a place if one is free."""
        if not self.is_free:
            return False
        self._take()
        return True

    async def wait(self, deadline: float) -> None:
        """Take a place, waiting for one until `deadline` (the clock's time); ModelBusyError when none came."""
        config, now = self._config, self._clock()
        if not self._has_room_to_wait():
            raise busy(config, 1.0)
        until = min(deadline, now + config.queue_seconds)
        turn = Turn(now, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        self._serve()
        try:
            async with asyncio.timeout(max(0.0, until - now)):
                await turn.done
        except TimeoutError:
            if turn.has_place:
                return  # the place was given in the same turn of the loop
            raise busy(config, max(1.0, self._pause())) from None
        except asyncio.CancelledError:
            if turn.has_place:
                self.leave()
            raise
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)

    def leave(self) -> None:
        """Give a place back."""
        self._active -= 1
        if self._waiting:
            self._serve()

    def rest(self, key: ProviderKey | None, seconds: float) -> None:
        """Leave a key alone for a while, because the provider asked for that or refused it."""
        self._resting["" if key is None else key.id] = self._clock() + seconds

    def choose_key(self, keys: tuple[ProviderKey, ...]) -> ProviderKey | None:
        """Return the key whose turn it is by weight, a resting one only when all rest; None when there are none."""
        if len(keys) <= 1:
            return keys[0] if keys else None
        now = self._clock()
        awake = [key for key in keys if self._resting.get(key.id, 0.0) <= now] or list(keys)
        chosen = min(awake, key=lambda key: self._turns.get(key.id, 0.0))
        floor = min((self._turns.get(key.id, 0.0) for key in awake), default=0.0)
        self._turns[chosen.id] = max(self._turns.get(chosen.id, 0.0), floor) + 1.0 / max(1, chosen.weight)
        return chosen

    def resting_seconds(self, keys: tuple[ProviderKey, ...]) -> float:
        """Return how long until one of the keys is awake; 0 when one is now."""
        if not self._resting:
            return 0.0
        now = self._clock()
        names = [key.id for key in keys] or [""]
        return max(0.0, min(self._resting.get(name, 0.0) for name in names) - now)

    def _has_room_to_wait(self) -> bool:
        return len(self._waiting) < self._config.queue_length

    def _pause(self) -> float:
        """Return how long until the provider's rate allows another call."""
        return self._next_at - self._clock() if self._config.requests_per_minute else 0.0

    def _take(self) -> None:
        self._active += 1
        if rate := self._config.requests_per_minute:
            # An even flow with room for a second's burst: a provider counts its minute by its own clock, not ours.
            now, interval = self._clock(), 60.0 / rate
            self._next_at = max(self._next_at, now - 1.0) + interval

    def _serve(self) -> None:
        limit = self._config.max_concurrent
        while self._waiting and (limit is None or self._active < limit):
            if (pause := self._pause()) > 0:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(pause, self._serve_later)
                return
            turn = self._waiting.popleft()
            if not turn.done.done():
                self._take()
                turn.done.set_result(None)

    def _serve_later(self) -> None:
        self._timer = None
        self._serve()


def busy(config: ProviderConfig, retry_after: float) -> ModelBusyError:
    """Return the refusal of who found no place."""
    return ModelBusyError(
        f"The provider {config.name!r} is at its limit; nothing was charged.", retry_after=retry_after
    )
