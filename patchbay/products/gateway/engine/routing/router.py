"""The one loop that tries again: across targets first, then, after a pause, the same ones once more."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from patchbay.lib.errors import AppError
from patchbay.products.gateway.contracts import ModelAlias, ModelTarget, ProviderConfig, ProviderKey
from patchbay.products.gateway.engine.contracts import Targets, Transport, Tries, Try
from patchbay.products.gateway.engine.registry import make_transport
from patchbay.products.gateway.engine.routing.choose import fitting, in_order
from patchbay.products.gateway.engine.routing.gates import Gate
from patchbay.products.gateway.engine.routing.health import Breaker
from patchbay.products.gateway.errors import ModelBusyError, ModelNotFittingError
from patchbay.products.gateway.wire.contracts import Head

T = TypeVar("T")
MAX_TRIES = 6
ROUNDS = 2
ROUTE_SECONDS = 60.0
"""How long a call looks for a target that serves it; an answer that has begun is not meant."""
BACKOFF_SECONDS = 0.5
MAX_REMEMBERED = 20_000


class TryFailedError(Exception):
    """One try failed; `error` is what the client gets when no other try helps.

    `final`: trying elsewhere makes no sense, the request itself is wrong. `harms`: the target is to blame, which its
    breaker counts. `blames_key`: the provider refused the credential. `again`: ask the same target once more at once.
    """

    def __init__(
        self,
        error: AppError,
        *,
        status: int = 0,
        final: bool = False,
        harms: bool = True,
        blames_key: bool = False,
        again: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.status = status
        self.final = final
        self.harms = harms
        self.blames_key = blames_key
        self.again = again


class Place(Generic[T]):
    """A target that serves a call, with the place it takes there until `release`; `result` is what the try gave."""

    __slots__ = ("_gate", "breaker", "key", "result", "target")

    def __init__(self, target: ModelTarget, key: ProviderKey | None, gate: Gate, breaker: Breaker, result: T) -> None:
        self.target = target
        self.key = key
        self.breaker = breaker
        self.result = result
        self._gate: Gate | None = gate

    def release(self) -> None:
        """Give the place back; nothing happens the second time."""
        if self._gate is not None:
            self._gate.leave()
            self._gate = None


Attempt = Callable[[ModelTarget, Transport, ProviderKey | None], Awaitable[T]]


@dataclass(slots=True)
class _Provider:
    config: ProviderConfig
    transport: Transport
    gate: Gate


class Router:
    """Knows the providers that this process has called: their transports, places and health."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, chance: random.Random | None = None) -> None:
        self._clock = clock
        self._chance = chance or random.Random()  # noqa: S311  balancing, not secrets
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
        """Try targets until one serves; the error of the last try when none does.

        `attempt` raises TryFailedError, or an AppError that no other target would change.
        """
        targets = fitting(alias, head, prompt_bound)
        if not targets:
            raise ModelNotFittingError(f"No target of {alias.name!r} takes a request like this one.")
        deadline = self._clock() + ROUTE_SECONDS
        failure: TryFailedError | None = None
        for round_number in range(ROUNDS):
            if round_number and not await self._pause(targets, failure, deadline):
                break
            for target in self._order(alias, targets):
                outcome = await self._try(target, attempt, tries, deadline)
                if isinstance(outcome, Place):
                    return outcome
                failure = outcome
                if failure.final or len(tries) >= MAX_TRIES or self._clock() >= deadline:
                    raise failure.error
        assert failure is not None
        raise failure.error

    def _order(self, alias: ModelAlias, targets: Targets) -> Targets:
        """Return the targets in turn; those with an open breaker or no awake key go last, not out: all may be so."""
        if len(targets) == 1:
            return targets
        busy = self._busy if alias.balancing == "least_busy" else None
        ordered = in_order(targets, busy=busy, chance=self._chance)
        return sorted(ordered, key=self._is_unwell)

    def _is_unwell(self, target: ModelTarget) -> bool:
        gate = self._provider(target.provider).gate
        return not self.breaker(target).admits or gate.resting_seconds(target.provider.keys) > 0 or not gate.is_free

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
            return TryFailedError(error, harms=False)
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
            self._note_failure(failure, gate, breaker, key)
            tries.made.append(self._record(target, failure.status, failure.error.code, began))
            return failure
        except BaseException:
            breaker.abandon()
            raise
        finally:
            if not served:
                gate.leave()
        tries.made.append(self._record(target, 200, "", began))
        return Place(target, key, gate, breaker, result)

    @staticmethod
    def _note_failure(failure: TryFailedError, gate: Gate, breaker: Breaker, key: ProviderKey | None) -> None:
        if failure.blames_key or isinstance(failure.error, ModelBusyError):
            gate.rest(key, failure.error.retry_after or 1.0)
        if failure.harms:
            breaker.fail()
        else:
            breaker.abandon()

    def _record(self, target: ModelTarget, status: int, code: str, began: float) -> Try:
        return Try(target.provider.name, target.model, status, code, round((self._clock() - began) * 1000))

    async def _pause(self, targets: Targets, failure: TryFailedError | None, deadline: float) -> bool:
        """Wait before the second round, as long as the provider asks; False when that would be too long."""
        wanted = min(self._provider(each.provider).gate.resting_seconds(each.provider.keys) for each in targets)
        if wanted <= 0 and failure is not None and failure.error.retry_after:
            wanted = failure.error.retry_after
        seconds = max(wanted, BACKOFF_SECONDS) * self._chance.uniform(1.0, 1.25)
        if self._clock() + seconds >= deadline:
            return False
        await asyncio.sleep(seconds)
        return True

    def _provider(self, config: ProviderConfig) -> _Provider:
        found = self._providers.get(config.id)
        if found is None:
            if len(self._providers) >= MAX_REMEMBERED:
                self._providers = {name: each for name, each in self._providers.items() if each.gate.active}
            found = self._providers[config.id] = _Provider(config, make_transport(config), Gate(config, self._clock))
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
