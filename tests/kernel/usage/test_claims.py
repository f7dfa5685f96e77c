"""Claims: a request with an Idempotency-Key is done once, answered alike again, and refused while it runs."""

import pytest

from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.usage import services
from patchbay.kernel.usage.contracts import Claim, Settlement, UsageRecord
from patchbay.kernel.usage.errors import IdempotencyMismatchError, RequestInFlightError
from patchbay.kernel.usage.models import RequestClaim
from patchbay.kernel.usage.runtime import Runtime
from patchbay.lib.ids import new_id

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ledger_runtime")]


def claim(fingerprint: str = "f", organisation_id: str = "org_a") -> Claim:
    return services.claim(organisation_id=organisation_id, idempotency_key="k", fingerprint=fingerprint)


def answer(live: Runtime, claim_id: str) -> None:
    record = UsageRecord(request_id=new_id("req"), organisation_id="org_a", environment="test")
    live.writer.submit(Settlement(None, 0, record, claim_id, b'{"answer": 1}')).result(10)


def test_a_retry_gets_the_first_answer(ledger_runtime: Runtime) -> None:
    first = claim()
    assert not first.is_replay
    answer(ledger_runtime, first.id)
    assert claim() == Claim(first.id, b'{"answer": 1}')
    with pytest.raises(IdempotencyMismatchError):
        claim("another body")


def test_while_the_first_runs_a_second_is_refused() -> None:
    first = claim()
    with pytest.raises(RequestInFlightError) as refusal:
        claim()
    assert (refusal.value.status, refusal.value.retry_after) == (409, 1)
    assert not claim(organisation_id="org_b").is_replay
    services.abandon(first.id)
    assert not claim().is_replay


def test_the_claim_of_a_process_that_died_is_taken_over() -> None:
    dead = ledger.open_process()
    first = claim()
    RequestClaim.objects.filter(id=first.id).update(process_id=dead)
    ledger.close_process(dead)
    again = claim()
    assert not again.is_replay
    assert again.id != first.id


def test_claims_expire_after_a_day(ledger_runtime: Runtime) -> None:
    first = claim()
    answer(ledger_runtime, first.id)
    RequestClaim.objects.update(expires_at=ledger.database_now())
    assert not claim("another body").is_replay
    RequestClaim.objects.update(expires_at=ledger.database_now())
    assert services.expire_claims() == 1
