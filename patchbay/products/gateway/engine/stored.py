"""Which provider keeps an answer: a request that goes on from it can be served by no other, and is nobody else's.

OpenAI's responses name an earlier answer, or an item of one, by its id. An id is remembered for the organisation that
got it: in this process, for an hour in Redis for the others, and in the database for as long as OpenAI keeps answers,
written behind. An id that is not known was given to somebody else, elsewhere or too long ago: a platform's provider
would serve it to whoever names it, so it is asked only of a provider that is the organisation's own.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from patchbay.lib.errors import FieldError, UnavailableError
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import Keeper, ModelTarget
from patchbay.products.gateway.engine.caching import Store
from patchbay.products.gateway.engine.contracts import Ask
from patchbay.products.gateway.engine.terms import Terms
from patchbay.products.gateway.errors import StoredAnswerNotFoundError
from patchbay.products.gateway.wire.contracts import UnsupportedError

if TYPE_CHECKING:
    from patchbay.products.gateway.engine.calls import Engine

MAX_REMEMBERED = 50_000
MAX_IDS = 256
"""Of one answer: its own and its items'; further items cannot be referred to."""
MAX_ID_LENGTH = 200
SHARED_SECONDS = 3600
log = structlog.get_logger(__name__)


class Archive(Protocol):
    """Where ids outlive processes. `note` takes microseconds, `find` blocks."""

    def note(self, organisation_id: str, ids: Sequence[str], keeper: Keeper) -> None: ...

    def find(self, organisation_id: str, answer_id: str) -> Keeper | None: ...


class StoredAnswers:
    """The ids that this process gave out, those of others behind `shared`, and old ones in `archive`."""

    def __init__(self, *, shared: Store | None = None, archive: Archive | None = None) -> None:
        self._shared = shared
        self._archive = archive
        self._known: OrderedDict[tuple[str, str], Keeper] = OrderedDict()

    async def note(self, organisation_id: str, ids: Sequence[str], keeper: Keeper) -> None:
        """Remember who keeps an answer; every process knows when this returns, unless the shared state is away."""
        ids = [each for each in ids[:MAX_IDS] if _is_id(each)]
        for each in ids:
            self._remember((organisation_id, each), keeper)
        if self._archive is not None:
            self._archive.note(organisation_id, ids, keeper)
        if self._shared is not None:
            value = msgspec.msgpack.encode(keeper)
            names = [f"{organisation_id}:{each}" for each in ids]
            try:
                await asyncio.gather(*(self._shared.set(name, value, SHARED_SECONDS) for name in names))
            except UnavailableError:
                log.warning("stored answer not shared")

    async def find(self, organisation_id: str, answer_id: str, pool: BlockingPool) -> Keeper | None:
        """Return who keeps what an id names, None where this organisation was never given it."""
        if not _is_id(answer_id):
            return None
        name = (organisation_id, answer_id)
        if (known := self._known.get(name)) is not None:
            self._known.move_to_end(name)
            return known
        if self._shared is not None and (value := await self._shared.get(f"{organisation_id}:{answer_id}")):
            return msgspec.msgpack.decode(value, type=Keeper)
        if self._archive is not None:
            return await pool.run(self._archive.find, organisation_id, answer_id)
        return None

    def _remember(self, name: tuple[str, str], keeper: Keeper) -> None:
        self._known[name] = keeper
        self._known.move_to_end(name)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)


async def follow_references(engine: "Engine", ask: Ask, terms: Terms, pool: BlockingPool) -> Terms:
    """Return the terms with those targets alone that keep what the request goes on from.

    StoredAnswerNotFoundError for an id that is not this organisation's, UnsupportedError where the model has no target
    at the provider that keeps it. Targets of another format are left to their translation, which refuses the field.
    """
    references, organisation_id = ask.head.references, ask.caller.organisation_id
    targets = [each for each in terms.alias.targets if ask.wire.name in engine.router.transport(each).formats]
    if not targets:
        return terms
    for reference in references:
        keeper = await engine.stored.find(organisation_id, reference.id, pool)
        if keeper is None:
            targets = [each for each in targets if each.provider.organisation_id == organisation_id]
            if not targets:
                raise _not_found(reference.field, reference.id)
        else:
            targets = [_with_key(each, keeper) for each in targets if each.provider.id == keeper.provider_id]
            if not targets:
                raise _kept_elsewhere(reference.field)
    return msgspec.structs.replace(terms, alias=replace(terms.alias, targets=tuple(targets)))


def _is_id(text: str) -> bool:
    return 0 < len(text) <= MAX_ID_LENGTH and text.isascii() and text.isprintable()


def _with_key(target: ModelTarget, keeper: Keeper) -> ModelTarget:
    """Return the target with the key that the answer was got by: another may be of another account of the vendor."""
    keys = tuple(key for key in target.provider.keys if key.id == keeper.key_id)
    if not keys or keys == target.provider.keys:
        return target
    return replace(target, provider=replace(target.provider, keys=keys))


def _not_found(field: str, answer_id: str) -> StoredAnswerNotFoundError:
    message = f"Nothing is stored for you under {answer_id[:80]!r}."
    return StoredAnswerNotFoundError(message, fields=(FieldError(field, message),))


def _kept_elsewhere(field: str) -> UnsupportedError:
    message = "This model has no target at the provider that stored what the request goes on from."
    return UnsupportedError(
        message,
        fields=(FieldError(field, message),),
        next_step="Name the model that gave the answer, or send the conversation itself.",
    )
