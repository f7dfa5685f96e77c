"""The circuit breaker: when it opens, how it probes, when it closes."""

from patchbay.products.gateway.engine.routing import health
from patchbay.products.gateway.engine.routing.health import Breaker


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(health.MIN_REQUESTS):
        breaker.fail()
    return breaker


def test_it_stays_closed_until_enough_requests_were_made() -> None:
    breaker = Breaker(Clock())
    for _ in range(health.MIN_REQUESTS - 1):
        breaker.fail()
    assert breaker.admits
    breaker.fail()
    assert not breaker.admits
    assert breaker.state == "open"


def test_it_stays_closed_while_most_requests_succeed() -> None:
    breaker = Breaker(Clock())
    for _ in range(50):
        breaker.fail()
        breaker.succeed()
        breaker.succeed()
    assert breaker.state == "closed"


def test_failures_long_ago_do_not_count() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(health.MIN_REQUESTS - 1):
        breaker.fail()
    clock.now += health.WINDOW_SECONDS + 1
    breaker.fail()
    assert breaker.admits


def test_half_open_lets_a_single_probe_through() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += health.OPEN_SECONDS
    assert breaker.state == "half_open"
    assert breaker.admits
    breaker.begin()
    assert not breaker.admits


def test_a_probe_that_succeeds_closes_it_and_forgets_what_was() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += health.OPEN_SECONDS
    breaker.begin()
    breaker.succeed()
    assert breaker.state == "closed"
    breaker.fail()
    assert breaker.admits


def test_a_probe_that_fails_opens_it_for_as_long_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += health.OPEN_SECONDS
    breaker.begin()
    breaker.fail()
    assert breaker.state == "open"
    clock.now += health.OPEN_SECONDS - 0.1
    assert not breaker.admits


def test_a_probe_that_told_nothing_leaves_the_way_to_the_next() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += health.OPEN_SECONDS
    breaker.begin()
    breaker.abandon()
    assert breaker.admits
