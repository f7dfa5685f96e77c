"""Reading API keys, never their secrets."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet

from patchbay.kernel.keys import scopes
from patchbay.kernel.keys.contracts import Key, PlugScope
from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.ledger import queries as ledger
from patchbay.lib.errors import NotFoundError
from patchbay.lib.paging import DEFAULT_LIMIT, Page, page_of


def list_keys(organisation_id: str) -> list[Key]:
    """Return an organisation's keys, newest first, the revoked ones included."""
    return _show(organisation_id, ApiKey.objects.filter(organisation_id=organisation_id).order_by("-id"))


def page_keys(organisation_id: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page[Key]:
    """Return one page of an organisation's keys, newest first."""
    page = page_of(ApiKey.objects.filter(organisation_id=organisation_id), limit=limit, cursor=cursor)
    return Page(_show(organisation_id, page.data), page.next_cursor)


def get_key(organisation_id: str, key_id: str) -> Key:
    """Return a key; NotFoundError for another organisation's."""
    row = ApiKey.objects.filter(organisation_id=organisation_id, pk=key_id).first()
    if row is None:
        raise NotFoundError("There is no such key.")
    return shown(row)


def count_active(organisation_id: str) -> int:
    """Return how many keys are neither revoked nor expired."""
    return usable(organisation_id).count()


def list_expiring(organisation_id: str, *, before: datetime, limit: int) -> list[Key]:
    """Return the first of the usable keys that end before a time, the next one first."""
    rows = usable(organisation_id).filter(expires_at__lt=before).order_by("expires_at", "id")
    return _show(organisation_id, rows[:limit])


def key_names(organisation_id: str, ids: Collection[str] | None = None) -> dict[str, str]:
    """Return the names of an organisation's keys by id, newest first: of all, or of these as far as there are such."""
    rows = ApiKey.objects.filter(organisation_id=organisation_id)
    rows = rows if ids is None else rows.filter(pk__in=ids)
    return dict(rows.order_by("-id").values_list("id", "name"))


def list_plug_keys(organisation_id: str, plug_id: str) -> list[Key]:
    """Return the usable keys that are for one plug, oldest first: these end with it."""
    return _show(organisation_id, plug_keys(organisation_id, plug_id))


def plug_keys(organisation_id: str, plug_id: str) -> QuerySet[ApiKey]:
    """Return the rows of usable keys that are for one plug, oldest first."""
    return usable(organisation_id).filter(plug_id=plug_id).order_by("id")


def list_scopes(organisation_id: str) -> Sequence[PlugScope]:
    """Return the plugs that a key of the organisation can be scoped to, with their names."""
    return scopes.list_scopes(organisation_id)


def usable(organisation_id: str | None = None) -> QuerySet[ApiKey]:
    """Return the rows of keys that are neither revoked nor expired: these count against the plan."""
    rows = ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=datetime.now(UTC)), revoked_at=None)
    return rows if organisation_id is None else rows.filter(organisation_id=organisation_id)


def shown(row: ApiKey) -> Key:
    """Return a row as it may be shown."""
    return _show(row.organisation_id, [row])[0]


def _show(organisation_id: str, rows: Iterable[ApiKey]) -> list[Key]:
    budgets = {budget.scope_id: budget for budget in ledger.list_budgets(organisation_id) if budget.scope == "key"}
    columns = [name for name in Key.__slots__ if name != "budget"]
    values: list[dict[str, Any]] = [{name: getattr(row, name) for name in columns} for row in rows]
    return [Key(**value, budget=budgets.get(value["id"])) for value in values]
