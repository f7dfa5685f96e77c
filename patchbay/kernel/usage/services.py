"""Claims: an Idempotency-Key is taken durably before the work, so that a retry is neither done nor charged twice."""

from datetime import timedelta

from django.db import IntegrityError, transaction

from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.usage import runtime
from patchbay.kernel.usage.contracts import Claim
from patchbay.kernel.usage.errors import IdempotencyMismatchError, RequestInFlightError
from patchbay.kernel.usage.models import RequestClaim
from patchbay.lib.errors import FieldError
from patchbay.lib.ids import new_id

KEPT = timedelta(hours=24)


def claim(*, organisation_id: str, idempotency_key: str, fingerprint: str) -> Claim:
    """Take the key for a request whose body has this fingerprint (SHA-256 in hex).

    A key that was answered returns a Claim with the stored response. RequestInFlightError (409) while the first
    request runs, IdempotencyMismatchError (422) for another body. A claim of a process that died is taken over.
    """
    process_id = runtime.get_runtime().book.process_id
    now = ledger.database_now()
    try:
        with transaction.atomic():
            row = RequestClaim(
                id=new_id("claim"),
                organisation_id=organisation_id,
                idempotency_key=idempotency_key,
                fingerprint=fingerprint,
                process_id=process_id,
                created_at=now,
                expires_at=now + KEPT,
            )
            row.save(force_insert=True)
            return Claim(row.id)
    except IntegrityError:
        return _claim_again(organisation_id, idempotency_key, fingerprint, process_id)


@transaction.atomic
def _claim_again(organisation_id: str, idempotency_key: str, fingerprint: str, process_id: str) -> Claim:
    now = ledger.database_now()
    rows = RequestClaim.objects.select_for_update()
    row = rows.filter(organisation_id=organisation_id, idempotency_key=idempotency_key).first()
    if row is None:
        raise RequestInFlightError("The first request with this key has just failed.", retry_after=1)
    if row.expires_at > now:
        if row.fingerprint != fingerprint:
            raise IdempotencyMismatchError(
                "This Idempotency-Key came with another body before.",
                fields=(FieldError("Idempotency-Key", "Use a new key for a new request."),),
            )
        if row.response is not None:
            return Claim(row.id, bytes(row.response))
        if ledger.is_open(row.process_id):
            raise RequestInFlightError("The first request with this key is being answered.", retry_after=1)
    # A new id, so that the request that had it before, should it still run, completes nothing.
    row.delete()
    fresh = RequestClaim.objects.create(
        id=new_id("claim"),
        organisation_id=organisation_id,
        idempotency_key=idempotency_key,
        fingerprint=fingerprint,
        process_id=process_id,
        created_at=now,
        expires_at=now + KEPT,
    )
    return Claim(fresh.id)


def complete(claim_id: str, response: bytes) -> None:
    """Keep the answer of a request that charged nothing; a charged one completes its claim with its settlement."""
    RequestClaim.objects.filter(id=claim_id).update(response=response)


def abandon(claim_id: str) -> None:
    """Give a key back whose request failed before anything was charged, so that a retry is done anew."""
    RequestClaim.objects.filter(id=claim_id, response=None).delete()


def expire_claims(limit: int = 5000) -> int:
    """Delete claims that are older than 24 hours; return how many."""
    old = RequestClaim.objects.filter(expires_at__lte=ledger.database_now()).values_list("id", flat=True)[:limit]
    return RequestClaim.objects.filter(id__in=list(old)).delete()[0]
