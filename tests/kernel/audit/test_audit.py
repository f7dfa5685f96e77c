"""The audit log: written with its cause, never changed, a chain that shows a gap or an edit."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from patchbay.kernel.audit import queries, services
from patchbay.kernel.audit.contracts import AuditEvent
from patchbay.lib.actor import Actor, system_actor
from patchbay.lib.errors import InvalidError, NotFoundError
from patchbay.lib.ids import new_id
from patchbay.lib.paging import encode_cursor

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor() -> Actor:
    return Actor(
        kind="user",
        organisation_id=new_id("org"),
        role="owner",
        name="Mara Lindqvist",
        user_id=new_id("usr"),
        address="203.0.113.24",
    )


def record(actor: Actor, action: str = "key.created", name: str = "Production", **changes: object) -> None:
    services.record(actor=actor, action=action, target_type="key", target_id="key_1", target_name=name, changes=changes)


def events(actor: Actor, /, **filters: object) -> list[AuditEvent]:
    return list(queries.list_events(actor.organisation_id, **filters).data)  # type: ignore[arg-type]


def test_an_event_tells_who_did_what_to_what_from_where(actor: Actor) -> None:
    record(actor, expires_at=[None, "2026-12-01"])
    [event] = events(actor)
    assert (event.actor_name, event.actor_role, event.user_id) == ("Mara Lindqvist", "owner", actor.user_id)
    assert (event.address, event.key_id) == ("203.0.113.24", None)
    assert (event.action, event.kind, event.summary) == ("key.created", "security", "Key Production created")
    assert event.changes == {"expires_at": [None, "2026-12-01"]}
    assert queries.get_event(actor.organisation_id, event.id) == event


def test_an_event_goes_with_the_transaction_that_wrote_it(actor: Actor) -> None:
    with transaction.atomic():
        record(actor)
        transaction.set_rollback(True)
    assert events(actor) == []
    record(actor)
    assert queries.verify_chain(actor.organisation_id).sound


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET actor_name = 'nobody'",
        "DELETE FROM audit_auditevent",
        "UPDATE audit_audithead SET sequence = 0",
        "UPDATE audit_audithead SET digest = 'x'",
        "DELETE FROM audit_audithead",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(actor: Actor, statement: str) -> None:
    record(actor)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert len(events(actor)) == 1


def test_a_chain_of_events_is_sound(actor: Actor) -> None:
    for number in range(5):
        record(actor, name=f"Key {number} – «ü\0»", when=timezone.now(), share=0.1)
    check = queries.verify_chain(actor.organisation_id)
    assert (check.sound, check.events) == (True, 5)
    assert queries.verify_chain(new_id("org")).events == 0


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_auditevent SET actor_name = 'nobody' WHERE sequence = 2", "Event 2 was changed"),
        ("UPDATE audit_auditevent SET changes = '{}' WHERE sequence = 3", "Event 3 was changed"),
        ("DELETE FROM audit_auditevent WHERE sequence = 2", "Event 2 is missing"),
        ("DELETE FROM audit_auditevent WHERE sequence = 3", "ends at event 2; 3 were written"),
    ],
)
def test_what_someone_with_the_database_changed_shows(actor: Actor, statement: str, fault: str) -> None:
    for number in range(3):
        record(actor, number=number)
    with connection.cursor() as cursor:
        for drop in _drop_triggers():
            cursor.execute(drop)
        cursor.execute(statement)
    check = queries.verify_chain(actor.organisation_id)
    assert not check.sound
    assert fault in (check.fault or "")


def _drop_triggers() -> list[str]:
    if connection.vendor == "postgresql":
        return ["ALTER TABLE audit_auditevent DISABLE TRIGGER USER"]
    return ["DROP TRIGGER audit_event_no_update", "DROP TRIGGER audit_event_no_delete"]


def test_chains_of_organisations_are_apart(actor: Actor) -> None:
    other = system_actor(new_id("org"))
    record(actor)
    record(other)
    assert [event.sequence for event in events(other)] == [1]
    assert events(other)[0].actor_kind == "system"
    with pytest.raises(NotFoundError):
        queries.get_event(other.organisation_id, events(actor)[0].id)


def test_events_are_found_by_action_kind_person_time_and_words(actor: Actor) -> None:
    record(actor, "key.created", "Production")
    record(actor, "credits.adjusted", "Ticket 2207")
    record(system_actor(actor.organisation_id), "plug.deployed", "Legal Expert")

    def names(**filters: object) -> list[str]:
        return [event.target_name for event in events(actor, **filters)]

    assert names() == ["Legal Expert", "Ticket 2207", "Production"]
    assert names(action="key.created") == ["Production"]
    assert (names(kind="security"), names(kind="money")) == (["Production"], ["Ticket 2207"])
    assert names(kind="configuration") == ["Legal Expert"]
    assert names(actor="mara") == names(actor=actor.user_id) == ["Ticket 2207", "Production"]
    assert names(search="legal") == ["Legal Expert"]
    assert names(search="203.0.113.") == ["Ticket 2207", "Production"]
    assert names(since=timezone.now() + timedelta(minutes=1)) == []
    assert len(names(until=timezone.now() + timedelta(minutes=1))) == 3


def test_pages_follow_one_another_newest_first(actor: Actor) -> None:
    for number in range(12):
        record(actor, name=str(number))
    first = queries.list_events(actor.organisation_id, limit=10)
    second = queries.list_events(actor.organisation_id, limit=10, cursor=first.next_cursor)
    assert [event.target_name for event in (*first.data, *second.data)] == [str(n) for n in range(11, -1, -1)]
    assert second.next_cursor is None


@pytest.mark.parametrize("filters", [{"kind": "weather"}, {"cursor": encode_cursor("key_1")}, {"cursor": "%"}])
def test_a_filter_that_makes_no_sense_is_refused(actor: Actor, filters: dict[str, str]) -> None:
    with pytest.raises(InvalidError):
        events(actor, **filters)


@pytest.mark.django_db(transaction=True)
def test_events_that_are_written_at_once_stand_in_one_chain(actor: Actor) -> None:
    def write() -> None:
        try:
            for _ in range(5):
                record(actor)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    check = queries.verify_chain(actor.organisation_id)
    assert (check.fault, check.events) == (None, 20)
