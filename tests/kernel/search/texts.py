"""Short ways to index and ask, for tests that are about what is found."""

from collections.abc import Sequence

from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope, Unit

OURS = Scope("org_ours", "plug_contracts")
THEIRS = Scope("org_theirs", "plug_contracts")


def index(scope: Scope, document_id: str, *texts: str) -> None:
    units = [Unit(f"{document_id}#{n}", text, text) for n, text in enumerate(texts)]
    search.index(scope=scope, document_id=document_id, units=units)


def found(query: str, *scopes: Scope, limit: int = 20) -> list[str]:
    return [hit.unit_id for hit in search.search(scopes=scopes or (OURS,), query=query, limit=limit)]


def ranks(query: str, scopes: Sequence[Scope] = (OURS,)) -> list[tuple[str, float, float | None]]:
    return [(hit.unit_id, hit.score, hit.bm25) for hit in search.search(scopes=scopes, query=query)]
