"""Where a change is written down: the platform's in its own organisation's audit log, all others in the actor's."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.audit import services as audit
from patchbay.lib.actor import Actor


def record(
    actor: Actor,
    action: str,
    *,
    organisation_id: str | None,
    target: tuple[str, str, str],
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Write down a change of `target` (type, id, name), in its transaction; `organisation_id` None is the platform."""
    home = organisation_id or accounts.find_platform_organisation_id() or actor.organisation_id
    kind, target_id, name = target
    audit.record(
        actor=replace(actor, organisation_id=home),
        action=action,
        target_type=kind,
        target_id=target_id,
        target_name=name,
        changes=changes,
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return `[before, after]` for each term that is another now."""
    return {name: [before[name], value] for name, value in after.items() if before[name] != value}
