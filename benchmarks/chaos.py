"""Kill the server with SIGKILL at random moments under load, start it again, and count the money.

`python -m benchmarks.chaos [--kills 100] [--database sqlite|postgres] [--workers N] [--seed N]`

Clients ask a plug and a model behind the gateway, whole and streamed. Every answer whose last byte arrived must have
exactly one usage record with the credits it named, the ledger must add up, leases of dead processes must return, and
nobody may be refused while credits cover the request. Every call has an `Idempotency-Key` and is sent again until it
is answered: what was charged before the kill is answered from its record and not charged again, so that each record
whose answer did not arrive (`unanswered_records`: of the last commit before a kill) is replayed once. With several
workers, over Redis, a kill takes one of them or all.
"""

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gateway import sides
from benchmarks.gateway.ours import add_provider
from benchmarks.gateway.wire import MODEL
from benchmarks.harness.instance import Instance
from benchmarks.harness.persistent import NOT_NOW, Tally, load

CLIENTS = 12
GRANT = 5_000_000
LOAD_SECONDS = 30.0
LEAST_WORK = 0.8
"""Within so many seconds of the first answer the kill comes."""


async def _load_and_kill(instance: Instance, key: str, tally: Tally, *, workers: int) -> None:
    tally.working = asyncio.Event()
    stop = asyncio.Event()
    loading = asyncio.create_task(load(instance.port, key, tally, clients=CLIENTS, stop=stop))
    # Kill a server at work, not one that is still loading its model.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(tally.working.wait(), LOAD_SECONDS)
    await asyncio.sleep(random.uniform(0, LEAST_WORK))
    kills_one = workers > 1 and random.random() < 0.5
    await asyncio.to_thread(instance.kill_one if kills_one else instance.kill)
    tally.kills.append(time.time())
    if kills_one:
        await asyncio.sleep(random.uniform(0, LEAST_WORK))
    stop.set()
    await loading


async def _answer_the_rest(instance: Instance, key: str, tally: Tally) -> None:
    """Send again what no whole answer came for, until all are answered."""
    deadline = asyncio.get_running_loop().time() + 4 * LOAD_SECONDS
    while (tally.waiting or tally.later) and asyncio.get_running_loop().time() < deadline:
        stop = asyncio.Event()
        stop.set()
        await load(instance.port, key, tally, clients=CLIENTS, stop=stop)
        await asyncio.sleep(0.5)


_AUDIT = """
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.usage.models import RequestClaim, UsageRecord
org = {organisation!r}
rows = UsageRecord.objects.filter(organisation_id=org).values_list("request_id", "cost_micro", "created_at")
records = [(request_id, micro, at.timestamp()) for request_id, micro, at in rows]
claims = list(RequestClaim.objects.filter(organisation_id=org, response__isnull=False).values_list(
    "idempotency_key", flat=True))
balance = ledger.get_balance(org)
print(json.dumps(dict(
    records=records, claims=claims, entries=ledger.spent_by_request(org), faults=ledger.verify(),
    available=balance.available_micro, granted=ledger.total_granted(org), leased=ledger.total_leased(org),
)))
"""

_GRANT = """
from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.plans import services as plans
organisation = accounts.find_membership_by_email({email!r}).organisation_id
plans.assign_plan(organisation_id=organisation, plan_code="enterprise")
plans.change_plan(plan_code="enterprise", requests_per_minute=2_000_000_000)
ledger.grant(organisation_id=organisation, amount_micro={credits} * 1_000_000, kind="adjustment",
    idempotency_key="chaos", reason="chaos")
print(json.dumps(organisation))
"""


def run(
    *, kills: int, database_url: str = "", redis_url: str = "", workers: int = 1, seed: int | None = None
) -> dict[str, int]:
    """Run the whole measure; returns the figures."""
    random.seed(seed)
    arguments = ("--workers", str(workers)) if workers > 1 else ()
    instance = Instance(database_url=database_url, arguments=arguments)
    instance.environment["PATCHBAY_REDIS_URL"] = redis_url
    processes = sides.Processes(instance.data_dir)
    tally = Tally()
    try:
        upstream = sides.start_upstream(processes)
        demo = instance.demo()
        organisation = instance.python(_GRANT.format(credits=GRANT, email=demo["email"]))
        add_provider(instance, "upstream", upstream.port)
        instance.run("model", "add", MODEL, "--target", f"upstream/{MODEL}")
        for number in range(kills):
            if not instance.is_running:
                instance.start()
            asyncio.run(_load_and_kill(instance, demo["api_key"], tally, workers=workers))
            if (number + 1) % 10 == 0:
                print(f"  {number + 1} kills, {len(tally.answered)} answered, {tally.cut} cut off", flush=True)
        if not instance.is_running:
            instance.start()  # the next process returns what the dead ones had leased
        asyncio.run(_answer_the_rest(instance, demo["api_key"], tally))
        instance.stop()
        audit = instance.python(_AUDIT.format(organisation=organisation))
    finally:
        instance.kill()
        processes.stop()
    figures = judge(kills, tally, audit)
    if not is_bad(figures):
        shutil.rmtree(instance.data_dir, ignore_errors=True)
    return figures


def is_bad(figures: dict[str, int]) -> bool:
    return any(figures[name] for name in ("lost", "doubled", "not_replayed", "overspent", "refused_wrongly", "other"))


def judge(kills: int, tally: Tally, audit: dict[str, object]) -> dict[str, int]:
    """Compare what clients saw with what was written."""
    records: list[list[object]] = audit["records"]  # type: ignore[assignment]
    counts = Counter(str(request_id) for request_id, _, _ in records)
    cost = {str(request_id): int(str(micro)) for request_id, micro, _ in records}
    entries: dict[str, int] = audit["entries"]  # type: ignore[assignment]
    charged_keys = len(audit["claims"])  # type: ignore[arg-type]
    lost = sum(
        1
        for request_id, credits in tally.answered.items()
        if request_id not in cost
        or (credits is not None and cost[request_id] != credits)
        or entries.get(request_id, 0) != cost[request_id]
    )
    expected = int(str(audit["granted"])) - sum(cost.values())
    print(f"  answered {len(tally.answered)}: {dict(tally.kinds)}; cut off {tally.cut}, other {dict(tally.other)}")
    unanswered = {str(request_id): float(str(at)) for request_id, _, at in records if request_id not in tally.answered}
    before = max((_seconds_to_kill(at, tally.kills) for at in unanswered.values()), default=0.0)
    print(f"  records without an answer: {len(unanswered)}, written at most {before:.2f} s before a kill was done")
    print(f"  of them answered again from the record, not charged again: {tally.replayed}")
    never = len(tally.waiting) + len(tally.later)
    print(f"  never answered: {never}; ledger faults: {audit['faults']}; leased: {audit['leased']}")
    return {
        "kills": kills,
        "answered": len(tally.answered),
        "unanswered_records": len(unanswered),
        "not_replayed": abs(len(unanswered) - tally.replayed),
        "lost": lost
        + len(tally.waiting)
        + len(tally.later)
        + bool(audit["faults"])
        + max(0, charged_keys - len(records)),
        "doubled": sum(count - 1 for count in counts.values()) + max(0, len(records) - charged_keys),
        "overspent": max(0, -expected) + abs(expected - int(str(audit["available"]))),
        "refused_wrongly": tally.refused,
        "other": sum(count for what, count in tally.other.items() if int(what.split()[-1]) not in NOT_NOW),
    }


def _seconds_to_kill(at: float, kills: list[float]) -> float:
    """Return how long before the next kill that was; infinite when there was none, which nothing excuses."""
    return min((kill - at for kill in kills if kill >= at), default=float("inf"))


@contextlib.contextmanager
def stores(database: str, workers: int) -> Iterator[tuple[str, str]]:
    """Start what the instance needs besides itself; yields the URLs of PostgreSQL and Redis, "" for none."""
    from tests.postgres import server_url
    from tests.redis_server import RedisServer

    with contextlib.ExitStack() as stack:
        database_url = stack.enter_context(server_url()) if database == "postgres" else ""
        redis_url = ""
        if workers > 1:
            redis = RedisServer(Path(stack.enter_context(tempfile.TemporaryDirectory())))
            stack.callback(redis.kill)
            redis.start()
            redis_url = redis.url
        yield database_url, redis_url


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    with stores(given.database, given.workers) as (database_url, redis_url):
        figures = run(
            kills=given.kills, database_url=database_url, redis_url=redis_url, workers=given.workers, seed=given.seed
        )
    for name, value in figures.items():
        print(f"{name:>18} {value:>10,}")
    print(json.dumps({"bench": "chaos", "figures": figures}))
    return 1 if is_bad(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
