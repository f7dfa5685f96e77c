"""Catalogues in this process's memory, dropped when the epoch moves (`lib.shared`).

What the platform offers is loaded once and shared: an organisation that set nothing up of its own costs one small
object and no query, however many there are.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from patchbay.lib.epoch import EVERYONE
from patchbay.lib.shared import cache
from patchbay.lib.shared.state import epoch
from patchbay.products.gateway.contracts import Catalogue, ModelAlias

MAX_CATALOGUES = 50_000
PLATFORM = "gateway"
SHARED = "gateway-shared"
"""The names of changes of the platform's set-up, which is everyone's, and of what `Platform` holds of anyone's."""


def changed(organisation_id: str | None) -> None:
    """Drop what every process knows of an organisation's set-up, of the platform's for None, once this is committed.

    Who has a set-up of their own is part of what everyone shares. That falls first: else what it says of them could
    be taken for theirs once more after theirs fell.
    """
    cache.changed(SHARED)
    cache.changed(PLATFORM if organisation_id is None else organisation_id)


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


class CatalogueCache:
    """Every method may be called from any thread; only `get` may wait, for the database."""

    def __init__(self, load_platform: Callable[[], Platform], load_own: Callable[[str, Platform], Catalogue]) -> None:
        self._load_platform = load_platform
        self._load_own = load_own
        self._platform: cache.OwnedCache[str, Platform] = cache.OwnedCache(size=1, topics=[SHARED, PLATFORM])
        self._catalogues: cache.OwnedCache[str, Catalogue] = cache.OwnedCache(size=MAX_CATALOGUES, topics=[PLATFORM])
        self._loading = threading.Lock()

    def find(self, organisation_id: str) -> Catalogue | None:
        """Return the catalogue if what it needs is in memory and current."""
        found = self._catalogues.find(organisation_id)
        if found is None:
            seen = epoch().read()
            platform = self._platform.find("")
            found = platform.plain(organisation_id) if platform is not None else None
            if found is not None:
                self._catalogues.put(organisation_id, found, owner=organisation_id, seen=seen)
        return found

    def get(self, organisation_id: str) -> Catalogue:
        """Return the catalogue, loaded when it is not there.

        In a transaction it is loaded each time: what the transaction wrote is true there and may be rolled back.
        """
        if connection.in_atomic_block:
            return self._make(organisation_id, self._load_platform())
        found = self.find(organisation_id)
        if found is None:
            seen = epoch().read()
            with self._loading:  # after a change many threads come at once; one of them reads the platform's part
                platform = self._platform.get("", self._load_platform, owner=EVERYONE)
            found = self._make(organisation_id, platform)
            self._catalogues.put(organisation_id, found, owner=organisation_id, seen=seen)
        return found

    def _make(self, organisation_id: str, platform: Platform) -> Catalogue:
        return platform.plain(organisation_id) or self._load_own(organisation_id, platform)
