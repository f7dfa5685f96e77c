"""The hash chain: a digest covers the event's content and the digest before it, so a gap or an edit shows."""

import hashlib
import json
from datetime import UTC
from typing import Any

from patchbay.kernel.audit.models import AuditEvent

_COVERED = (
    "id", "organisation_id", "sequence", "action", "target_type", "target_id", "target_name", "changes",
    "actor_kind", "actor_role", "actor_name", "user_id", "key_id", "address", "previous_digest",
)  # fmt: skip


def canonical(value: Any) -> str:
    """Return JSON with one spelling for one value; what JSON has no form for is written as text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def digest_of(event: AuditEvent) -> str:
    """Return the SHA-256, in hexadecimal, that belongs in `event.digest`."""
    content = {name: getattr(event, name) for name in _COVERED}
    content["created_at"] = event.created_at.astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(canonical(content).encode()).hexdigest()
