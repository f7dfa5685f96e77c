"""The oldest events go when their time is over, as a prefix of the chain, which is still verified without them."""

from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from patchbay.kernel.audit import queries, services
from patchbay.kernel.audit.models import AuditHead
from patchbay.lib.actor import Actor, system_actor
from patchbay.lib.ids import new_id

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def actor() -> Actor:
    return system_actor(new_id("org"))


def record(actor: Actor, *, days_ago: float, name: str = "") -> None:
    with patch.object(timezone, "now", return_value=NOW - timedelta(days=days_ago)):
        services.record(
            actor=actor,
            action="key.created",
            target_type="key",
            target_id="key_1",
            target_name=name or f"{days_ago:g} days ago",
        )


def names(actor: Actor) -> list[str]:
    return [event.target_name for event in queries.list_events(actor.organisation_id).data]


def month_ago() -> datetime:
    return NOW - timedelta(days=30)


def test_old_events_go_and_the_rest_is_verified_from_the_last_of_them(actor: Actor) -> None:
    for days in (90, 31, 29, 1):
        record(actor, days_ago=days)
    assert services.prune(actor.organisation_id, before=month_ago()) == 2
    assert names(actor) == ["1 days ago", "29 days ago"]
    check = queries.verify_chain(actor.organisation_id)
    assert (check.sound, check.events, check.let_go) == (True, 2, 2)
    record(actor, days_ago=0)
    assert services.prune(actor.organisation_id, before=month_ago()) == 0
    assert queries.verify_chain(actor.organisation_id).events == 3


def test_a_log_may_go_whole_and_goes_on(actor: Actor) -> None:
    for days in (90, 80, 70):
        record(actor, days_ago=days)
    assert services.prune(actor.organisation_id, before=month_ago()) == 3
    assert queries.verify_chain(actor.organisation_id).sound
    record(actor, days_ago=0)
    check = queries.verify_chain(actor.organisation_id)
    assert (check.sound, check.events, check.let_go) == (True, 1, 3)


def test_what_came_after_an_event_that_is_kept_stays_though_a_clock_went_wrong(actor: Actor) -> None:
    for days in (90, 1, 60):
        record(actor, days_ago=days)
    assert services.prune(actor.organisation_id, before=month_ago()) == 1
    assert names(actor) == ["60 days ago", "1 days ago"]
    assert queries.verify_chain(actor.organisation_id).sound


def test_a_long_log_goes_in_several_transactions(actor: Actor) -> None:
    for number in range(5):
        record(actor, days_ago=90 - number)
    assert [services.prune(actor.organisation_id, before=month_ago(), limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert queries.verify_chain(actor.organisation_id).let_go == 5


def test_nothing_goes_of_another_organisation_or_of_none(actor: Actor) -> None:
    other = system_actor(new_id("org"))
    record(actor, days_ago=90)
    record(other, days_ago=90)
    services.prune(actor.organisation_id, before=month_ago())
    assert names(other) == ["90 days ago"]
    assert services.prune(new_id("org"), before=NOW) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_auditevent WHERE sequence = 3",
        "DELETE FROM audit_auditevent",
        "UPDATE audit_audithead SET anchor_sequence = 3, anchor_digest = 'x'",
        "UPDATE audit_audithead SET anchor_sequence = 3",
        "UPDATE audit_audithead SET anchor_sequence = 9, anchor_digest = ''",
        "UPDATE audit_audithead SET anchor_sequence = 0",
        "UPDATE audit_audithead SET sequence = sequence + 1, anchor_sequence = 4",
        "UPDATE audit_audithead SET anchor_sequence = 3, digest = 'x'",
    ],
)
def test_the_database_lets_nothing_go_but_what_lies_before_an_honest_anchor(actor: Actor, statement: str) -> None:
    for days in (90, 80, 3, 2, 1):
        record(actor, days_ago=days)
    services.prune(actor.organisation_id, before=month_ago())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert queries.verify_chain(actor.organisation_id).events == 3


def test_a_chain_cut_behind_the_database_shows(actor: Actor) -> None:
    for days in (90, 3, 2):
        record(actor, days_ago=days)
    services.prune(actor.organisation_id, before=month_ago())
    drop = "DROP TRIGGER audit_head_moves_on"
    with connection.cursor() as cursor:
        cursor.execute(f"{drop} ON audit_audithead" if connection.vendor == "postgresql" else drop)
    AuditHead.objects.filter(pk=actor.organisation_id).update(anchor_digest="0" * 64)
    check = queries.verify_chain(actor.organisation_id)
    assert (check.events, check.fault) == (0, "Event 2 was changed after it was written.")
