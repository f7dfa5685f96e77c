"""The dashboard: the state of an organisation in one look, and what to do next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.keys import queries as keys
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.usage import queries as usage
from patchbay.lib.actor import Actor
from patchbay.products.plugs import queries as plugs

RECENT_EVENTS = 6
SOON = timedelta(days=14)
SHOWN_EXPIRING = 3


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do: a tone of a LED with its word, what and why, and where a verb leads."""

    tone: str
    says: str
    name: str
    why: str
    verb: str
    url: str


def overview(actor: Actor) -> dict[str, Any]:
    """Return the dashboard's context for who looks at it."""
    organisation_id = actor.organisation_id
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = list(plugs.list_plugs(organisation_id))
    own = [plug for plug in found if plug.organisation_id == organisation_id]
    active = keys.count_active(organisation_id)
    failed = list(plugs.list_failed_documents(organisation_id))
    available = ledger.get_balance(organisation_id).available_micro
    burned = usage.total_cost(organisation_id, since=month)
    return {
        "plugs": found,
        "own": len(own),
        "keys": active,
        "failed": len(failed),
        "available_micro": available,
        "burned_micro": burned,
        "granted_micro": available + burned,
        "month": month,
        "answers": usage.count_records(organisation_id, since=month),
        "may_make": (may_make := actor.role != "viewer"),
        "steps": [
            *_repairs(failed, may_make),
            *_expiring(organisation_id),
            *_first_steps(found, own, active, may_make),
        ],
        "activity": audit.list_events(organisation_id, limit=RECENT_EVENTS).data if actor.role == "owner" else None,
        "base_url": settings.BASE_URL,
    }


def _repairs(failed: Iterable[Any], may_make: bool) -> list[Step]:
    return [
        Step(
            "danger",
            "Error",
            f"{document.title} could not be read",
            document.latest.error,
            "Fix" if may_make else "See",
            reverse("plugs:knowledge", args=[document.plug.slug]),
        )
        for document in failed
    ]


def _expiring(organisation_id: str) -> list[Step]:
    soon = datetime.now(UTC) + SOON
    return [
        Step(
            "warn",
            "Warning",
            f"The key {key.name} expires soon",
            f"On {key.expires_at:%-d %B}; programs that use it are refused from then on.",
            "See keys",
            reverse("keys:list"),
        )
        for key in keys.list_expiring(organisation_id, before=soon, limit=SHOWN_EXPIRING)
    ]


def _first_steps(found: Sequence[Any], own: Sequence[Any], active: int, may_make: bool) -> list[Step]:
    steps = []
    if found:
        plug = (own or found)[0]
        steps.append(
            Step(
                "signal",
                "Ready",
                f"Ask {plug.name}",
                "Each answer quotes its documents; press a citation to see the passage.",
                "Ask",
                reverse("plugs:chat", args=[plug.slug]),
            )
        )
    if may_make and not own:
        why = "Upload a contract, a guideline or a handbook; it answers within seconds."
        steps.append(Step("off", "To do", "Make a plug of your own", why, "New plug", reverse("plugs:list") + "#new"))
    if may_make and not active:
        why = "The same answers for a program or a script, billed to the same credits."
        steps.append(Step("off", "To do", "Create an API key", why, "Create", reverse("keys:list") + "#create"))
    return steps
