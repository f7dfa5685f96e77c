"""Claims: a request with an Idempotency-Key is done once, answered alike again, and refused while it runs."""

from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.db import OperationalError
from django.db.models import QuerySet

from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.ledger.errors import FencedError
from patchbay.kernel.ledger.models import LedgerProcess
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


@pytest.fixture
def abandoned_in_vain(ledger_runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A claim was given back while the database was away."""
    ledger_runtime.heartbeat.stop()
    first = claim()
    with monkeypatch.context() as away:
        away.setattr(QuerySet, "delete", Mock(side_effect=OperationalError("the database is away")))
        services.abandon(first.id)
    return ledger_runtime


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


def test_a_process_that_is_late_keeps_its_claims_until_it_is_closed(ledger_runtime: Runtime) -> None:
    """It may only have slept. Who takes its claim over before it is fenced pays, and it pays when it wakes up."""
    ledger_runtime.heartbeat.stop()
    late = ledger.open_process()
    first = claim()
    RequestClaim.objects.filter(id=first.id).update(process_id=late)
    LedgerProcess.objects.filter(id=late).update(heartbeat_at=ledger.database_now() - timedelta(minutes=1))
    with pytest.raises(RequestInFlightError):
        claim()
    ledger.check_open(late)  # what a settlement of the first request asks
    assert ledger.reap() == 1
    assert not claim().is_replay
    with pytest.raises(FencedError):
        ledger.check_open(late)


def test_a_claim_that_could_not_be_given_back_is_as_soon_as_the_database_answers(abandoned_in_vain: Runtime) -> None:
    with pytest.raises(RequestInFlightError):
        claim()
    abandoned_in_vain.heartbeat._beat()
    assert not claim().is_replay


def test_a_claim_given_back_late_is_not_that_of_the_retry(abandoned_in_vain: Runtime) -> None:
    dead = ledger.open_process()
    RequestClaim.objects.update(process_id=dead)
    ledger.close_process(dead)
    again = claim()
    answer(abandoned_in_vain, again.id)
    abandoned_in_vain.heartbeat._beat()
    assert claim() == Claim(again.id, b'{"answer": 1}')
