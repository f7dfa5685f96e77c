"""The outbox: written with the change, delivered in order, at least once, pruned."""

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from patchbay.kernel.events import engine, queries, services
from patchbay.kernel.events.contracts import Event
from patchbay.kernel.events.models import Lane, OutboxEvent

pytestmark = pytest.mark.django_db
ACME, GLOBEX = "org_acme", "org_globex"


def emit(organisation_id: str = ACME, number: int = 0) -> str:
    return services.emit(organisation_id=organisation_id, type="document.ready", payload={"n": number})


def numbers(events: list[Event], organisation_id: str = ACME) -> list[int]:
    return [event.payload["n"] for event in events if event.organisation_id == organisation_id]


def later() -> None:
    """Let time pass for every lane."""
    Lane.objects.update(not_before=None, held_until=None)


def refuse(_: Event) -> None:
    raise RuntimeError("receiver is down")


def test_an_event_is_delivered_once_with_what_it_carries() -> None:
    event_id = emit(number=7)
    seen: list[Event] = []
    assert services.drain(seen.append) == 1
    assert services.drain(seen.append) == 0
    (event,) = seen
    assert (event.id, event.type, event.organisation_id, event.payload) == (event_id, "document.ready", ACME, {"n": 7})


def test_an_event_of_a_change_that_is_undone_was_never_there() -> None:
    with transaction.atomic():
        emit()
        transaction.set_rollback(True)
    assert services.drain(refuse) == 0


def test_an_organisations_events_come_in_order() -> None:
    for number in range(20):
        emit(ACME if number % 2 else GLOBEX, number)
    seen: list[Event] = []
    services.drain(seen.append)
    assert numbers(seen, ACME) == list(range(1, 20, 2))
    assert numbers(seen, GLOBEX) == list(range(0, 20, 2))


def test_a_drain_takes_no_more_than_its_limit_and_the_next_goes_on() -> None:
    for number in range(5):
        emit(number=number)
    seen: list[Event] = []
    assert [services.drain(seen.append, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert numbers(seen) == list(range(5))


def test_a_failing_event_holds_up_its_own_organisation_alone() -> None:
    for number in range(2):
        emit(ACME, number)
        emit(GLOBEX, number)
    seen: list[Event] = []

    def handler(event: Event) -> None:
        if event.organisation_id == ACME:
            refuse(event)
        seen.append(event)

    assert services.drain(handler) == 2
    assert numbers(seen, GLOBEX) == [0, 1]
    assert services.drain(seen.append) == 0, "the lane rests after a failure"
    later()
    assert services.drain(seen.append) == 2
    assert numbers(seen, ACME) == [0, 1]


def test_what_a_handler_wrote_before_it_failed_is_undone() -> None:
    emit()

    def handler(event: Event) -> None:
        services.emit(organisation_id=GLOBEX, type="copy", payload={})
        refuse(event)

    services.drain(handler)
    assert queries.list_events(GLOBEX) == []


def test_an_event_that_fails_too_often_is_set_aside_and_the_next_goes_on() -> None:
    emit(number=1)
    for _ in range(engine.MAX_FAILURES):
        later()
        services.drain(refuse)
    assert queries.count_set_aside() == 1
    assert OutboxEvent.objects.get().last_error == "RuntimeError: receiver is down"
    emit(number=2)
    seen: list[Event] = []
    services.drain(seen.append)
    assert numbers(seen) == [2]
    assert services.retry_set_aside(organisation_id=ACME) == 1
    services.drain(seen.append)
    assert numbers(seen) == [2, 1]


def test_a_lane_that_another_holds_is_left_alone_until_its_hold_ends() -> None:
    emit()
    Lane.objects.create(organisation_id=ACME, holder="other", held_until=timezone.now() + timedelta(seconds=30))
    seen: list[Event] = []
    assert services.drain(seen.append) == 0
    assert engine.drain_lane(ACME, seen.append, 10) == 0
    Lane.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert services.drain(seen.append) == 1


def test_a_drain_that_lost_its_lane_stops() -> None:
    emit(number=1)
    emit(number=2)
    seen: list[Event] = []

    def handler(event: Event) -> None:
        seen.append(event)
        Lane.objects.update(holder="other")

    assert services.drain(handler) == 1
    assert numbers(seen) == [1]


def test_handled_events_are_forgotten_after_a_week_and_any_after_ninety_days() -> None:
    emit(number=1)
    services.drain(lambda _: None)
    emit(number=2)
    OutboxEvent.objects.filter(handled_at__isnull=False).update(handled_at=timezone.now() - timedelta(days=6))
    assert services.prune() == 0
    OutboxEvent.objects.filter(handled_at__isnull=False).update(handled_at=timezone.now() - timedelta(days=8))
    assert services.prune() == 1
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(days=91))
    assert services.prune() == 1
    assert queries.count_open() == 0


def test_the_feed_shows_an_organisations_own_events_newest_first() -> None:
    for number in range(3):
        emit(ACME, number)
    emit(GLOBEX, 9)
    assert [event.payload["n"] for event in queries.list_events(ACME, limit=2)] == [2, 1]
    assert queries.list_events(ACME, type="other") == []


@pytest.mark.django_db(transaction=True)
def test_several_drains_at_once_deliver_everything_once_and_in_order() -> None:
    for number in range(60):
        emit(f"org_{number % 3}", number)
    seen: list[Event] = []
    ends = threading.Event()

    def work() -> None:
        while not ends.is_set() and queries.count_open():
            services.drain(seen.append, 5)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    ends.set()
    assert sorted(event.payload["n"] for event in seen) == list(range(60))
    for lane in range(3):
        assert numbers(seen, f"org_{lane}") == list(range(lane, 60, 3))
