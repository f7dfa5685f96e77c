"""Servers of several processes with a real Redis, driven from outside."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.instances import DemoInstance
from tests.redis_server import RedisServer, redis_server

QUESTION = {"plugin_id": "legal-v1", "message": "What is the interest rate on late payment?"}


@dataclass(frozen=True)
class Served:
    """An instance, its Redis and the key of its demo organisation."""

    instance: DemoInstance
    redis: RedisServer
    api_key: str

    def ask(self, base_url: str | None = None) -> httpx.Response:
        """Ask on a connection of its own, so that the kernel chooses the process anew."""
        headers = {"authorization": f"Bearer {self.api_key}"}
        return httpx.post(f"{base_url or self.instance.base_url}/v1/chat", json=QUESTION, headers=headers, timeout=20)

    def metric(self, line: str) -> float:
        """Return the value of one line of /metrics, 0 where there is none."""
        text = httpx.get(f"{self.instance.base_url}/metrics", timeout=20).text
        return next((float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(f"{line} ")), 0.0)

    def set_rate(self, per_minute: int) -> None:
        self.instance.python(_SET_RATE.format(per_minute=per_minute))


_SET_RATE = """
from patchbay.lib.shared.state import epoch
from patchbay.kernel.plans.models import Plan
Plan.objects.update(requests_per_minute={per_minute})
print(epoch().bump())
"""


def children(pid: int) -> list[int]:
    """Return the server processes of a parent, not its worker of jobs."""
    found = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid=,args="], capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "patchbay.config.cli.server" in line]


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.05)


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


@pytest.fixture(scope="package")
def served() -> Iterator[Served]:
    """`patchbay serve --workers 2` on SQLite, at a rate that no test here reaches by itself."""
    with redis_server() as redis:
        instance = DemoInstance(arguments=("--workers", "2"))
        instance.environment["PATCHBAY_REDIS_URL"] = redis.url
        demo = instance.demo()
        served = Served(instance, redis, demo["api_key"])
        served.set_rate(6000)
        try:
            instance.start()
            yield served
            instance.stop()
        finally:
            instance.remove()
