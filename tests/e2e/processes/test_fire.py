"""Calls all at once by every route over two processes: exact to the micro-credit, and nobody refused who can pay."""

from collections.abc import Callable

import pytest

from benchmarks import fire
from tests.instances import DemoInstance
from tests.redis_server import redis_server

CALLS = 120
CAPPED = 24


@pytest.fixture(autouse=True)
def _prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without background jobs a question costs the same from the first to the last: there are none to wait for."""
    monkeypatch.setattr(fire, "Instance", DemoInstance)
    monkeypatch.setattr(fire, "_wait_for_jobs", lambda instance: None)


def figures(database_url: str) -> dict[str, int]:
    with redis_server() as redis:
        return fire.run(requests=CALLS, capped=CAPPED, workers=2, database_url=database_url, redis_url=redis.url)


def exact(found: dict[str, int]) -> None:
    assert found["overspent_micro"] == found["lost_micro"] == 0
    assert found["served_uncharged"] == found["charged_unserved"] == 0
    assert found["refused_wrongly"] == found["refused_though_covered"] == 0, "unspent credits covered it"
    assert found["close_cap_served"] == found["wide_cap_served"] == found["open_cap_served"] == fire.COVERED_CALLS
    assert found["other"] == found["ledger_faults"] == 0
    assert found["served"] > CALLS // 2


def test_money_is_exact_under_fire_on_sqlite() -> None:
    exact(figures(""))


def test_money_is_exact_under_fire_on_postgresql(new_postgres: Callable[[], str]) -> None:
    exact(figures(new_postgres()))
