"""`patchbay serve --workers`: one server from outside, whatever happens to its parts."""

import os
import signal
from pathlib import Path

import httpx

from tests.e2e.processes.conftest import Served, children, statuses, until

REQUESTS = 'patchbay_http_requests_total{route="chat",status="200"}'


def test_the_rate_is_one_for_all_processes(served: Served) -> None:
    served.set_rate(4)
    served.redis.run("FLUSHALL")
    answers = [served.ask() for _ in range(9)]
    served.set_rate(6000)
    assert statuses(answers) == {200: 4, 429: 5}
    refused = answers[-1]
    assert refused.headers["ratelimit"].startswith('"plan";r=0;')
    assert 1 <= int(refused.headers["retry-after"]) <= 15


def test_metrics_tell_of_all_processes(served: Served) -> None:
    before = served.metric(REQUESTS)
    for _ in range(8):
        assert served.ask().status_code == 200
    until(lambda: served.metric(REQUESTS) == before + 8)
    assert served.metric("patchbay_processes") == 2
    assert served.metric("patchbay_commit_seconds_count") >= 8


def test_a_killed_process_is_replaced_and_nobody_is_turned_away(served: Served) -> None:
    parent = served.instance.pid
    until(lambda: len(children(parent)) == 2)
    counted = served.metric(REQUESTS)
    before = set(children(parent))
    killed = before.pop()
    os.kill(killed, signal.SIGKILL)
    assert statuses([served.ask() for _ in range(10)]) == {200: 10}
    until(lambda: len(set(children(parent)) - {killed}) == 2)
    until(lambda: served.metric("patchbay_processes") == 2)
    assert served.metric(REQUESTS) >= counted, "no counter falls"


def test_without_redis_nothing_is_free_and_it_comes_back_by_itself(served: Served) -> None:
    assert served.ask().status_code == 200
    spent = served.instance.python(_SPENT)
    served.redis.kill()
    try:
        answers = [served.ask() for _ in range(10)]
        assert statuses(answers) == {503: 10}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert max(answer.elapsed.total_seconds() for answer in answers[2:]) < 1, "nobody waits for it"
        assert httpx.get(f"{served.instance.base_url}/readyz", timeout=20).json()["checks"]["shared"] is False
        assert httpx.get(f"{served.instance.base_url}/healthz", timeout=20).status_code == 200
        assert _sign_in(served).status_code == 503, "sign-ins are counted there too"
    finally:
        served.redis.start()
    until(lambda: statuses([served.ask() for _ in range(4)]) == {200: 4})
    until(lambda: httpx.get(f"{served.instance.base_url}/readyz", timeout=20).status_code == 200)
    assert served.instance.python(_SPENT) > spent


_SPENT = """
from patchbay.kernel.usage.models import UsageRecord
print(UsageRecord.objects.count())
"""


def _sign_in(served: Served) -> httpx.Response:
    with httpx.Client(base_url=served.instance.base_url, timeout=20) as browser:
        browser.get("/login")
        form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"], "login": "a@b.example", "password": "x" * 12}
        return browser.post("/login", data=form)


def test_failed_sign_ins_are_counted_together(served: Served) -> None:
    pages = [_sign_in(served).text for _ in range(7)]
    assert "Too many failed" not in pages[0]
    assert "Too many failed" in pages[-1], "five failures for one address, over both processes"


def test_a_parent_that_is_killed_takes_its_children_along(served: Served) -> None:
    pids = children(served.instance.pid)
    served.instance.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    served.instance.start()
