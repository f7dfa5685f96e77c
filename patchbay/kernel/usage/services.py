"""Holds under every cap that applies; the organisation's own cap; claims: an Idempotency-Key is taken durably before
the work, so that a retry is neither done nor charged twice.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction

from patchbay.kernel.audit import services as audit
from patchbay.kernel.keys import services as keys
from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.ledger.leases import LeaseBook, LeasedHold
from patchbay.kernel.usage import queries, runtime
from patchbay.kernel.usage.contracts import Claim, Holds
from patchbay.kernel.usage.engine import claims
from patchbay.kernel.usage.errors import IdempotencyMismatchError, RequestInFlightError
from patchbay.kernel.usage.models import RequestClaim
from patchbay.lib.actor import Actor
from patchbay.lib.errors import FieldError, InvalidError
from patchbay.lib.ids import new_id
from patchbay.lib.money import MAX_CREDITS, MICRO, to_text

KEPT = timedelta(hours=24)


async def hold_all(organisation_id: str, budgets: Sequence[str], amount_micro: int) -> Holds:
    """Set credits of an organisation aside, and as much of each of the budgets (`Grant.budgets`, by id).

    KeyCapError or BudgetError (402) when a cap has too little left, InsufficientCreditsError (402) when the
    organisation has, UnavailableError (503); what was held by then is given back, also when the caller is cancelled.
    In memory as long as this process leases enough.

    The caps come first, narrowest first: credits are not kept from others, even for a moment, by requests that a cap
    will refuse.
    """
    book = runtime.get_runtime().book
    if not budgets:
        return Holds(await book.hold(organisation_id, amount_micro))
    held: list[LeasedHold] = []
    try:
        for account in _accounts(organisation_id, budgets, amount_micro):
            hold = await book.hold(account, amount_micro)
            held.append(hold)
    except BaseException:
        _give_back(book, held)
        raise
    return Holds(held.pop(), tuple(held))


def hold_all_blocking(organisation_id: str, budgets: Sequence[str], amount_micro: int) -> Holds:
    """The same for a thread that may block."""
    book = runtime.get_runtime().book
    held: list[LeasedHold] = []
    try:
        for account in _accounts(organisation_id, budgets, amount_micro):
            hold = book.hold_blocking(account, amount_micro)
            held.append(hold)
    except BaseException:
        _give_back(book, held)
        raise
    return Holds(held.pop(), tuple(held))


def _accounts(organisation_id: str, budgets: Sequence[str], amount_micro: int) -> list[str]:
    return [*map(ledger.account_now, budgets if amount_micro else ()), organisation_id]


def _give_back(book: LeaseBook, holds: Iterable[LeasedHold]) -> None:
    for hold in holds:
        book.release(hold)


@transaction.atomic
def set_organisation_budget(*, actor: Actor, cap_micro: int | None) -> None:
    """Cap what the actor's organisation spends in a calendar month (UTC), its pages included; None lifts the cap.

    Owners and editors. Holds in every process once the transaction has committed; InvalidError (`monthly_cap`).
    """
    actor.require("editor")
    if cap_micro is not None and not 0 <= cap_micro <= MAX_CREDITS * MICRO:
        fault = FieldError("monthly_cap", f"Choose from 0 to {MAX_CREDITS} credits.")
        raise InvalidError("The budget is not possible.", fields=(fault,))
    organisation_id = actor.organisation_id
    before = queries.find_organisation_budget(organisation_id)
    old = before.cap_micro if before else None
    if old == cap_micro:
        return
    ledger.set_budget(
        organisation_id=organisation_id, scope="organisation", scope_id=organisation_id, cap_micro=cap_micro
    )
    audit.record(
        actor=actor,
        action="budget.changed",
        target_type="budget",
        target_id=organisation_id,
        target_name="of the organisation",
        changes={"monthly_cap": [None if cap is None else to_text(cap) for cap in (old, cap_micro)]},
    )
    keys.forget_grants(organisation_id)


def release(holds: Holds) -> None:
    """Give everything back that will not be settled; nothing happens the second time."""
    _give_back(runtime.get_runtime().book, (holds.organisation, *holds.budgets))


def claim(*, organisation_id: str, idempotency_key: str, fingerprint: str) -> Claim:
    """Take the key for a request that has this fingerprint (SHA-256 in hex): its body, its path, what its key may do.

    A key that was answered returns a Claim with the stored response. RequestInFlightError (409) while the first
    request runs, IdempotencyMismatchError (422) for another request. A claim of a process that died is taken over.
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
                "This Idempotency-Key came with another request before.",
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
    """Give a key back whose request failed before anything was charged, so that a retry is done anew.

    While the database is away that is left to the process's heartbeat.
    """
    claims.abandon(claim_id)


def expire_claims(limit: int = 5000) -> int:
    """Delete claims that are older than 24 hours; return how many."""
    old = RequestClaim.objects.filter(expires_at__lte=ledger.database_now()).values_list("id", flat=True)[:limit]
    return RequestClaim.objects.filter(id__in=list(old)).delete()[0]
