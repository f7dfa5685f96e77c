"""Work that joins rooms of the kernel which may not know each other: vectors, care of the outbox and the audit log."""

from datetime import timedelta

import structlog
from django.utils import timezone

from patchbay.kernel.audit import services as audit
from patchbay.kernel.events import services as events
from patchbay.kernel.jobs import registry
from patchbay.kernel.jobs import services as jobs
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.plans.contracts import Assignment
from patchbay.kernel.search import services as search
from patchbay.kernel.search.contracts import Scope

# Vectors wait for whatever else there is to do, and give way every few seconds: a new document becomes ready first, and
# the first vectors of one come before the rest of those that came before it.
EMBED_PRIORITY, EMBED_REST_PRIORITY = -50, -60
EMBED_SECONDS = 3.0
log = structlog.get_logger(__name__)


@registry.task("site.embed_document", max_attempts=5, resumable=True)
def embed_document(*, organisation_id: str, collection: str, document_id: str) -> None:
    """Fill in a part of a document's vectors; what is left follows. Until then it is found by keyword."""
    scope = Scope(organisation_id, collection)
    search.embed_document(scope=scope, document_id=document_id, seconds=EMBED_SECONDS)


@registry.task("site.embed_missing")
def embed_missing() -> None:
    """Take up documents without vectors: indexed before the model was installed, or when it failed."""
    for scope, document_id in search.list_unembedded(limit=100):
        enqueue_embedding(scope, document_id)


@registry.task("site.prune_events")
def prune_events() -> None:
    """Drop events that were handled long ago."""
    events.prune()


@registry.task("site.prune_audit")
def prune_audit() -> None:
    """Let go of audit events that are older than the organisation's plan keeps them.

    An organisation that fails fails alone, and the job after all of them, so that it is tried again and seen.
    """
    after, failed = "", 0
    while page := plans.list_assignments(after=after):
        for assignment in page:
            try:
                _prune_audit(assignment)
            except Exception:
                failed += 1
                log.exception("audit log not pruned", organisation_id=assignment.organisation_id)
        after = page[-1].organisation_id
    if failed:
        raise RuntimeError(f"{failed} audit logs were not pruned; the log says which and why")


def _prune_audit(assignment: Assignment) -> None:
    days = assignment.plan.limits["audit_retention_days"]
    if days is None:
        return
    before, gone = timezone.now() - timedelta(days=days), 0
    while some := audit.prune(assignment.organisation_id, before=before):
        gone += some
    if gone:
        log.info("audit log pruned", organisation_id=assignment.organisation_id, events=gone, days=days)


def enqueue_embedding(scope: Scope, document_id: str, begun: bool = False) -> None:
    """What search calls in the transaction that indexed a document, and when it has made a part of its vectors."""
    jobs.enqueue(
        "site.embed_document",
        priority=EMBED_REST_PRIORITY if begun else EMBED_PRIORITY,
        organisation_id=scope.organisation_id,
        collection=scope.collection,
        document_id=document_id,
    )


registry.schedule("site.embed_missing", every=timedelta(minutes=30))
registry.schedule("site.prune_audit", every=timedelta(days=1))
registry.schedule("site.prune_events", every=timedelta(days=1))
