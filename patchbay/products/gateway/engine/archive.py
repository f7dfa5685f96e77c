"""Which provider keeps which answer, in the database: written behind, as the request log is."""

from collections.abc import Sequence

from patchbay.products.gateway.contracts import Keeper
from patchbay.products.gateway.engine.request_log import REQUEST_LOG, StoredIds
from patchbay.products.gateway.queries.stored import find_keeper


class DatabaseArchive:
    """Fulfils `stored.Archive`."""

    def note(self, organisation_id: str, ids: Sequence[str], keeper: Keeper) -> None:
        REQUEST_LOG.note_stored(StoredIds(organisation_id, tuple(ids), keeper))

    def find(self, organisation_id: str, answer_id: str) -> Keeper | None:
        return find_keeper(organisation_id, answer_id)
