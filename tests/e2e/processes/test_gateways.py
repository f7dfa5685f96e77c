"""Gateways beside a server: other machines as far as the product can tell, each with a data folder of its own."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.e2e.processes.conftest import QUESTION, Served, statuses
from tests.instances import DemoInstance
from tests.redis_server import redis_server


@pytest.fixture(scope="module")
def gateway(new_postgres: Callable[[], str]) -> Iterator[tuple[Served, DemoInstance]]:
    """A server and a gateway of two processes, which share a PostgreSQL and a Redis and no folder."""
    with redis_server() as redis:
        url = new_postgres()
        server = DemoInstance(database_url=url)
        gateway = DemoInstance(database_url=url, arguments=("--workers", "2"), command="gateway")
        for each in (server, gateway):
            each.environment["PATCHBAY_REDIS_URL"] = redis.url
        served = Served(server, redis, server.demo()["api_key"])
        try:
            server.start()
            gateway.start()
            yield served, gateway
            gateway.stop()
            server.stop()
        finally:
            for each in (server, gateway):
                each.remove()


def test_a_gateway_has_doors_for_keys_and_no_pages(gateway: tuple[Served, DemoInstance]) -> None:
    served, other = gateway
    answer = served.ask(other.base_url)
    assert answer.status_code == 200
    assert answer.json()["citations"]
    for path in ("/", "/login", "/v1/keys", "/static/x.css", "/plugs/legal-v1/chat"):
        gone = httpx.get(other.base_url + path, timeout=20)
        assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")
        assert gone.json()["request_id"] == gone.headers["x-request-id"]


def test_a_key_revoked_on_one_machine_is_refused_on_all_when_that_returns(gateway: tuple[Served, DemoInstance]) -> None:
    served, other = gateway
    admin = {"authorization": f"Bearer {served.api_key}"}
    for _ in range(3):
        made = httpx.post(f"{served.instance.base_url}/v1/keys", json={"name": "short"}, headers=admin, timeout=20)
        assert made.status_code == 201, made.text
        key = Served(served.instance, served.redis, made.json()["secret"])
        assert statuses([key.ask(other.base_url) for _ in range(6)]) == {200: 6}
        assert key.ask().status_code == 200
        ended = httpx.delete(f"{served.instance.base_url}/v1/keys/{made.json()['id']}", headers=admin, timeout=20)
        assert ended.is_success
        assert statuses([key.ask(other.base_url) for _ in range(6)]) == {401: 6}
        assert key.ask().status_code == 401


def test_a_connection_that_stays_open_is_no_way_around_a_revocation(gateway: tuple[Served, DemoInstance]) -> None:
    served, other = gateway
    admin = {"authorization": f"Bearer {served.api_key}"}
    made = httpx.post(f"{served.instance.base_url}/v1/keys", json={"name": "kept"}, headers=admin, timeout=20).json()
    headers = {"authorization": f"Bearer {made['secret']}"}
    with httpx.Client(base_url=other.base_url, headers=headers, timeout=20) as kept:
        assert kept.post("/v1/chat", json=QUESTION).status_code == 200
        httpx.delete(f"{served.instance.base_url}/v1/keys/{made['id']}", headers=admin, timeout=20)
        assert kept.post("/v1/chat", json=QUESTION).status_code == 401


def test_a_plan_changed_on_one_machine_counts_on_all_at_once(gateway: tuple[Served, DemoInstance]) -> None:
    served, other = gateway
    served.set_rate(600)
    assert served.ask(other.base_url).headers["ratelimit-policy"] == '"plan";q=600;w=60'
    served.set_rate(700)
    assert served.ask(other.base_url).headers["ratelimit-policy"] == '"plan";q=700;w=60'


def test_the_money_adds_up_over_machines(gateway: tuple[Served, DemoInstance]) -> None:
    served, other = gateway
    for base_url in (None, other.base_url) * 3:
        assert served.ask(base_url).status_code == 200
    assert served.instance.python(_FAULTS) == []


_FAULTS = """
from patchbay.kernel.ledger import queries
print(json.dumps(queries.verify()))
"""
