"""A provider's limits where several processes share them: places are asked of Redis, who waits longest first.

One task for each provider with a limit talks to Redis while this process has places there or waits for some; providers
without limits cost nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared.places import LIFE_SECONDS, Given, RedisPlaces, Room
from patchbay.products.gateway.contracts import ProviderConfig
from patchbay.products.gateway.engine.routing.gates import Gate, Turn, busy

POLL_SECONDS = 0.02
"""How soon a waiting process looks again for what another one gave back."""
LONGEST_POLL_SECONDS = 0.5
REMEMBER_FULL_SECONDS = 0.5
"""How long others are preferred to a provider that was full: nobody else asks meanwhile, so nobody knows better."""
_BEAT_SECONDS = LIFE_SECONDS / 3


class SharedGate(Gate):
    """A gate whose places are those of all processes."""

    def __init__(
        self, config: ProviderConfig, clock: Callable[[], float] = time.monotonic, *, places: RedisPlaces
    ) -> None:
        super().__init__(config, clock)
        self._places = places
        self._news = asyncio.Event()
        self._talk: asyncio.Task[None] | None = None
        self._told = 0
        self._full_until = 0.0
        self._pause_until = 0.0

    @property
    def _is_limited(self) -> bool:
        return self._config.max_concurrent is not None or self._config.requests_per_minute is not None

    @property
    def is_free(self) -> bool:
        """Whether a call could begin at once, as far as this process knows."""
        return not self._waiting and (not self._is_limited or self._clock() >= self._full_until)

    def enter(self) -> bool:
        """Take a place where there is no limit; others are waited for, be it for a moment."""
        if self._is_limited:
            return False
        self._active += 1
        return True

    def leave(self) -> None:
        self._active -= 1
        if self._told or self._waiting:
            self._tell_soon()

    def _has_room_to_wait(self) -> bool:
        return True  # Redis knows how many wait elsewhere: who is too many is told by its answer

    def _pause(self) -> float:
        return self._pause_until - self._clock()

    def _serve(self) -> None:
        self._tell_soon()

    def _tell_soon(self) -> None:
        self._news.set()
        if self._talk is None or self._talk.done():
            self._talk = asyncio.create_task(self._keep_telling())

    async def _keep_telling(self) -> None:
        """Tell Redis what this process has and wants, at once when that changes, as long as there is something."""
        while self._waiting or self._active or self._told:
            self._news.clear()
            turns = [turn for turn in self._waiting if not turn.done.done()]
            try:
                given = await self._ask_for(turns)
            except UnavailableError as error:
                self._refuse(turns, error)
                rest = LONGEST_POLL_SECONDS
            else:
                self._give(turns, given)
                rest = min(max(given.pause, POLL_SECONDS), LONGEST_POLL_SECONDS) if self._waiting else _BEAT_SECONDS
            if not (self._waiting or self._active or self._told):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._news.wait()

    async def _ask_for(self, turns: list[Turn]) -> Given:
        config, taken = self._config, self._active
        waited = max(0.0, self._clock() - turns[0].since) if turns else 0.0
        room = Room(config.max_concurrent, config.requests_per_minute, config.queue_length)
        given = await self._places.tell(config.id, room, taken=taken, wanted=len(turns), waited_seconds=waited)
        self._told = taken + given.places
        return given

    def _give(self, turns: list[Turn], given: Given) -> None:
        """Hand out what was given; who has no room in the queue of all processes is refused, the newest first."""
        self._pause_until = self._clock() + given.pause
        for turn in turns[: given.places]:
            if turn.done.done():
                self._news.set()  # who wanted it has left: it is told that it is free
            else:
                self._active += 1
                turn.done.set_result(None)
        left = turns[given.places :]
        self._full_until = self._clock() + REMEMBER_FULL_SECONDS if left else 0.0
        self._refuse(left[len(left) - given.refused :], busy(self._config, max(1.0, given.pause)))
        for turn in turns:
            if turn.done.done() and turn in self._waiting:
                self._waiting.remove(turn)

    @staticmethod
    def _refuse(turns: list[Turn], error: Exception) -> None:
        for turn in turns:
            if not turn.done.done():
                turn.done.set_exception(error)
