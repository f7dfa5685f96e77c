"""Catalogues in this process's memory, dropped when the epoch moves (`lib.shared`).

What the platform offers is loaded once and shared: an organisation that set nothing up of its own costs one small
object and no query, however many there are.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import connection, transaction

from patchbay.lib.shared.state import epoch
from patchbay.products.gateway.contracts import Catalogue, ModelAlias

MAX_CATALOGUES = 50_000
D = TypeVar("D")


def changed() -> None:
    """Drop every process's catalogues once the caller's transaction has committed."""
    transaction.on_commit(lambda: epoch().bump() and None)


class Layered(Mapping[str, ModelAlias]):
    """An organisation's own aliases before the platform's, without a copy of those.

    An own one that is None is switched off. It still hides the platform's: a request that was to go to one's own
    provider must not go to another, on credits, because of a switch.
    """

    __slots__ = ("_own", "_shared")

    def __init__(self, own: Mapping[str, ModelAlias | None], shared: Mapping[str, ModelAlias]) -> None:
        self._own = own
        self._shared = shared

    def __getitem__(self, name: str) -> ModelAlias:
        found: ModelAlias | None = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        if name in self._own:
            return self._own[name] or default
        return self._shared.get(name, default)

    def __iter__(self) -> Iterator[str]:
        yield from (name for name, alias in self._own.items() if alias is not None)
        yield from (name for name in self._shared if name not in self._own)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Platform:
    """What everyone is offered, and who set up anything of their own."""

    aliases: Mapping[str, ModelAlias]
    configured: frozenset[str]

    def plain(self, organisation_id: str) -> Catalogue | None:
        """Return the catalogue of an organisation that set nothing up; None for one that did."""
        return None if organisation_id in self.configured else Catalogue(organisation_id, self.aliases)


@dataclass(slots=True)
class _Generation:
    """What is known under one epoch."""

    epoch: int
    platform: Platform | None = None
    catalogues: dict[str, Catalogue] = field(default_factory=dict)

    def remember(self, catalogue: Catalogue) -> Catalogue:
        if len(self.catalogues) < MAX_CATALOGUES:
            self.catalogues[catalogue.organisation_id] = catalogue
        return catalogue


class CatalogueCache:
    """Every method may be called from any thread; only `get` may wait, for the database."""

    def __init__(self, load_platform: Callable[[], Platform], load_own: Callable[[str, Platform], Catalogue]) -> None:
        self._load_platform = load_platform
        self._load_own = load_own
        self._generation = _Generation(epoch=-1)
        self._loading = threading.Lock()

    def find(self, organisation_id: str) -> Catalogue | None:
        """Return the catalogue if what it needs is in memory and current."""
        generation = self._generation
        if generation.epoch != epoch().read():
            return None
        found = generation.catalogues.get(organisation_id)
        if found is None and generation.platform is not None:
            plain = generation.platform.plain(organisation_id)
            found = generation.remember(plain) if plain is not None else None
        return found

    def get(self, organisation_id: str) -> Catalogue:
        """Return the catalogue, loaded when it is not there.

        In a transaction it is loaded each time: what the transaction wrote is true there and may be rolled back.
        """
        if connection.in_atomic_block:
            return self._make(organisation_id, self._load_platform())
        generation = self._current()
        found = generation.catalogues.get(organisation_id)
        if found is not None:
            return found
        with self._loading:  # after a change many threads come at once; one of them reads the platform's part
            if generation.platform is None:
                generation.platform = self._load_platform()
        return generation.remember(self._make(organisation_id, generation.platform))

    def _make(self, organisation_id: str, platform: Platform) -> Catalogue:
        return platform.plain(organisation_id) or self._load_own(organisation_id, platform)

    def _current(self) -> _Generation:
        """Return the generation to load into; it is taken before the database is read."""
        now = epoch().read()
        generation = self._generation
        if generation.epoch != now:
            generation = self._generation = _Generation(epoch=now)
        return generation
