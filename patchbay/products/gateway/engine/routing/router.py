"""The one loop that tries again: across targets first, then, after a pause, the same ones once more."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from patchbay.lib.errors import AppError
from patchbay.products.gateway.contracts import ModelAlias, ModelTarget, ProviderConfig, ProviderKey
from patchbay.products.gateway.engine.contracts import Targets, Transport, Tries, Try
from patchbay.products.gateway.engine.metrics import UPSTREAM_ERRORS
from patchbay.products.gateway.engine.registry import make_transport
from patchbay.products.gateway.engine.routing.choose import fitting, in_order
from patchbay.products.gateway.engine.routing.gates import Gate
from patchbay.products.gateway.engine.routing.health import Breaker
from patchbay.products.gateway.errors import ModelBusyError, ModelNotFittingError
from patchbay.products.gateway.wire.contracts import Head

T = TypeVar("T")
MAX_TRIES = 6
ROUNDS = 2
"""How often one call tries the same target; a try that only showed one of its keys to be of no use does not count."""
ROUTE_SECONDS = 60.0
"""How long a call looks for a target that serves it; an answer that has begun is not meant."""
PATIENCE_SECONDS = 5.0
"""The longest pause that a provider may ask for and the client is kept waiting; for a longer one it is told at once,
with Retry-After: it knows better than we whether to wait, and holds neither a connection nor credits meanwhile."""
BACKOFF_SECONDS = 0.5
JITTER = 1.25
"""A pause is up to so many times as long as it must be, so that callers do not come back all at once."""
MAX_REMEMBERED = 20_000
_STATES = {"closed": 0.0, "half_open": 1.0, "open": 2.0}


class TryFailedError(Exception):
    """One try failed; `error` is what the client gets when no other try helps.

    `final`: trying elsewhere makes no sense, the request itself is wrong. `elsewhere`: only another target may take
    it, this one never will. `harms`: the target is to blame, which its breaker counts. `blames_key`: the provider
    refused the credential. `again`: ask the same target once more at once.
    """

    def __init__(
        self,
        error: AppError,
        *,
        status: int = 0,
        final: bool = False,
        elsewhere: bool = False,
        harms: bool = True,
        blames_key: bool = False,
        again: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.status = status
        self.final = final
        self.elsewhere = elsewhere
        self.harms = harms
        self.blames_key = blames_key
        self.again = again
        self.rests_key = False


class Place(Generic[T]):
    """A target that serves a call, with the place it takes there until `release`; `result` is what the try gave.

    `succeed` or `fail` tells the target's breaker how it ended; released without either, it told nothing.
    """

    __slots__ = ("_breaker", "_gate", "key", "result", "target")

    def __init__(self, target: ModelTarget, key: ProviderKey | None, gate: Gate, breaker: Breaker, result: T) -> None:
        self.target = target
        self.key = key
        self.result = result
        self._breaker: Breaker | None = breaker
        self._gate: Gate | None = gate

    def succeed(self) -> None:
        """Note that the answer came whole, or as far as its client waited for it."""
        if self._breaker is not None:
            self._breaker.succeed()
            self._breaker = None

    def fail(self, code: str) -> None:
        """Note that the answer broke after it had begun."""
        if self._breaker is not None:
            self._breaker.fail()
            self._breaker = None
            UPSTREAM_ERRORS.inc(self.target.provider.name, code)

    def release(self) -> None:
        """Give the place back; nothing happens the second time."""
        if self._breaker is not None:
            self._breaker.abandon()
            self._breaker = None
        if self._gate is not None:
            self._gate.leave()
            self._gate = None


MakeGate = Callable[[ProviderConfig, Callable[[], float]], Gate]
Attempt = Callable[[ModelTarget, Transport, ProviderKey | None], Awaitable[T]]


@dataclass(slots=True)
class _Provider:
    config: ProviderConfig
    transport: Transport
    gate: Gate


@dataclass(slots=True)
class _Candidate:
    """A target in the midst of a call that failed: how often it may be tried yet, from when on, and what it said."""

    target: ModelTarget
    rounds: int
    at: float = 0.0
    error: AppError | None = None


class Router:
    """Knows the providers that this process has called: their transports, places and health."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: random.Random | None = None,
        make_gate: MakeGate = Gate,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._chance = chance or random.Random()  # noqa: S311  balancing, not secrets
        self._make_gate = make_gate
        self._providers: dict[str, _Provider] = {}
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def transport(self, target: ModelTarget) -> Transport:
        """Return how the target's provider is reached."""
        return self._provider(target.provider).transport

    def breaker(self, target: ModelTarget) -> Breaker:
        name = (target.provider.id, target.model)
        found = self._breakers.get(name)
        if found is None:
            if len(self._breakers) >= MAX_REMEMBERED:
                self._breakers = {key: breaker for key, breaker in self._breakers.items() if breaker.state != "closed"}
            found = self._breakers[name] = Breaker(self._clock)
        return found

    async def run(
        self, alias: ModelAlias, head: Head, prompt_bound: int, attempt: Attempt[T], tries: Tries
    ) -> Place[T]:
        """Try targets until one serves; when none does, the error of who may be asked again first, else of the last.

        `attempt` raises TryFailedError, or an AppError that no other target would change.
        """
        targets = fitting(alias, head, prompt_bound)
        if not targets:
            raise ModelNotFittingError(f"No target of {alias.name!r} takes a request like this one.")
        deadline = self._clock() + ROUTE_SECONDS
        candidates: list[_Candidate] | None = None
        ready = targets
        while True:
            target = self._order(alias, ready)[0]
            outcome = await self._try(target, attempt, tries, deadline)
            if isinstance(outcome, Place):
                return outcome
            if outcome.final or len(tries) >= MAX_TRIES:
                raise outcome.error
            if candidates is None:
                candidates = [_Candidate(each, ROUNDS) for each in targets]
            self._note_round(next(each for each in candidates if each.target is target), outcome)
            ready = await self._next_ready(candidates, deadline)
            if not ready:
                raise _first_again(candidates) or outcome.error

    def _note_round(self, candidate: _Candidate, failure: TryFailedError) -> None:
        """Say when the target may be asked again: at once with another key, after a pause, or not at all."""
        target = candidate.target
        candidate.error = failure.error
        if failure.elsewhere:
            candidate.rounds = 0
        elif failure.rests_key and self._resting_seconds(target) <= 0:
            candidate.at = self._clock()
        else:
            candidate.rounds -= 1
            candidate.at = self._clock() + max(failure.error.retry_after or 0.0, BACKOFF_SECONDS)

    async def _next_ready(self, candidates: list[_Candidate], deadline: float) -> Targets:
        """Return who may be tried now, those tried least; waits where all ask for a short pause; empty when in vain."""
        now = self._clock()
        until = min(deadline, now + PATIENCE_SECONDS)
        left = [each for each in candidates if each.rounds > 0 and each.at <= until]
        if not left or now >= deadline:
            return ()
        if (pause := min(each.at for each in left) - now) > 0:
            pause *= self._chance.uniform(1.0, JITTER)
            await self._sleep(pause)
            now += pause
        ready = [each for each in left if each.at <= now]
        least_tried = max(each.rounds for each in ready)
        return [each.target for each in ready if each.rounds == least_tried]

    def _order(self, alias: ModelAlias, targets: Targets) -> Targets:
        """Return the targets in turn; those with an open breaker or no awake key go last, not out: all may be so."""
        if len(targets) == 1:
            return targets
        busy = self._busy if alias.balancing == "least_busy" else None
        ordered = in_order(targets, busy=busy, chance=self._chance)
        return sorted(ordered, key=self._is_unwell)

    def _is_unwell(self, target: ModelTarget) -> bool:
        gate = self._provider(target.provider).gate
        return not self.breaker(target).admits or self._resting_seconds(target) > 0 or not gate.is_free

    def _resting_seconds(self, target: ModelTarget) -> float:
        return self._provider(target.provider).gate.resting_seconds(target.provider.keys)

    def _busy(self, target: ModelTarget) -> int:
        return self._provider(target.provider).gate.active

    async def _try(
        self, target: ModelTarget, attempt: Attempt[T], tries: Tries, deadline: float
    ) -> "Place[T] | TryFailedError":
        provider, breaker = self._provider(target.provider), self.breaker(target)
        gate, began = provider.gate, self._clock()
        try:
            if not gate.enter():
                await gate.wait(deadline)
        except ModelBusyError as error:
            return TryFailedError(error, harms=False, elsewhere=True)  # who waited once need not wait again
        breaker.begin()
        key = gate.choose_key(target.provider.keys)
        served = False
        try:
            try:
                result = await attempt(target, provider.transport, key)
            except TryFailedError as failure:
                if not failure.again:
                    raise
                result = await attempt(target, provider.transport, key)
            served = True
        except TryFailedError as failure:
            self._note_failure(failure, target, gate, breaker, key)
            tries.append(self._record(target, failure.status, failure.error.code, began))
            return failure
        except BaseException:
            breaker.abandon()
            raise
        finally:
            if not served:
                gate.leave()
        tries.append(self._record(target, 200, "", began))
        return Place(target, key, gate, breaker, result)

    @staticmethod
    def _note_failure(
        failure: TryFailedError, target: ModelTarget, gate: Gate, breaker: Breaker, key: ProviderKey | None
    ) -> None:
        UPSTREAM_ERRORS.inc(target.provider.name, failure.error.code)
        if failure.blames_key or isinstance(failure.error, ModelBusyError):
            failure.rests_key = True
            gate.rest(key, failure.error.retry_after or 1.0)
        if failure.harms:
            breaker.fail()
        else:
            breaker.abandon()

    def _record(self, target: ModelTarget, status: int, code: str, began: float) -> Try:
        return Try(target.provider.name, target.model, status, code, round((self._clock() - began) * 1000))

    def breaker_states(self) -> Mapping[str, float]:
        """Return the worst state of each provider's breakers: 0 closed, 1 half open, 2 open."""
        worst: dict[str, float] = {}
        for (provider_id, _), breaker in self._breakers.items():
            if (provider := self._providers.get(provider_id)) is not None:
                name = provider.config.name
                worst[name] = max(worst.get(name, 0.0), _STATES[breaker.state])
        return worst

    def waiting_calls(self) -> Mapping[str, float]:
        """Return how many calls wait for room at each provider."""
        return {each.config.name: float(each.gate.waiting) for each in self._providers.values()}

    def _meet(self, config: ProviderConfig) -> _Provider:
        return _Provider(config, make_transport(config), self._make_gate(config, self._clock))

    def _provider(self, config: ProviderConfig) -> _Provider:
        found = self._providers.get(config.id)
        if found is None:
            if len(self._providers) >= MAX_REMEMBERED:
                self._providers = {name: each for name, each in self._providers.items() if each.gate.active}
            found = self._providers[config.id] = self._meet(config)
        elif found.config is not config and found.config != config:
            found.gate.update(config)
            if (config.kind, config.base_url, config.private_allowed) != (
                found.config.kind,
                found.config.base_url,
                found.config.private_allowed,
            ):
                found.transport = make_transport(config)
            found.config = config
        return found


def _first_again(candidates: list[_Candidate]) -> AppError | None:
    """Return what the target said that may be asked again first; None where none may."""
    left = [each for each in candidates if each.rounds > 0 and each.error is not None]
    return min(left, key=lambda each: each.at).error if left else None
