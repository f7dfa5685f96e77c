"""Kill the server with SIGKILL at random moments under load, start it again, and count the money.

`python -m benchmarks.chaos [--kills 100] [--database sqlite|postgres]`

Every answer whose last byte arrived must have exactly one usage record with the credits it named, the ledger must
add up, leases of dead processes must return, and nobody may be refused while credits cover the request.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field

import httpx

from benchmarks.harness.instance import Instance

CLIENTS = 8
GRANT = 5_000_000
QUESTIONS = (
    "What is the interest rate on late payment?",
    "How long is the notice period for termination?",
    "What is the limit of liability?",
    "Who owns the intellectual property?",
)


@dataclass
class Tally:
    """What clients saw: credits by request id of whole answers, and refusals for lack of credits."""

    answered: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    cut: int = 0
    other: Counter[int] = field(default_factory=Counter)
    working: asyncio.Event = field(default_factory=asyncio.Event)


async def _ask(http: httpx.AsyncClient, tally: Tally, stream: bool) -> None:
    body = {"plugin_id": "legal-v1", "message": random.choice(QUESTIONS), "stream": stream}
    answer = await http.post("/v1/chat", json=body)
    if answer.status_code == 402:
        tally.refused += 1
    elif answer.status_code != 200:
        tally.other[answer.status_code] += 1
    else:
        whole = _last_event(answer.text) if stream else answer.json()
        if whole is None:
            tally.cut += 1
        else:
            tally.answered[answer.headers["x-request-id"]] = whole["usage"]["credits"]
            tally.working.set()


def _last_event(text: str) -> dict[str, dict[str, str]] | None:
    for block in reversed(text.split("\n\n")):
        if block.startswith("event: done\n"):
            found: dict[str, dict[str, str]] = json.loads(block.partition("data: ")[2])
            return found
    return None


async def _load(base_url: str, key: str, tally: Tally, seconds: float) -> None:
    """Ask from several clients until the server is gone or the time is up."""

    async def client(number: int) -> None:
        limits = httpx.Timeout(10)
        async with httpx.AsyncClient(
            base_url=base_url, headers={"Authorization": f"Bearer {key}"}, timeout=limits
        ) as http:
            try:
                while True:
                    await _ask(http, tally, stream=number % 2 == 0)
            except httpx.TransportError:
                tally.cut += 1

    tasks = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _load_and_kill(instance: Instance, key: str, tally: Tally) -> None:
    load = asyncio.create_task(_load(instance.base_url, key, tally, seconds=30))
    tally.working = asyncio.Event()
    # Kill a server at work, not one that is still loading its model.
    await asyncio.wait([load, working := asyncio.create_task(tally.working.wait())], return_when="FIRST_COMPLETED")
    working.cancel()
    await asyncio.sleep(random.uniform(0, 0.8))
    await asyncio.to_thread(instance.kill)
    await load


_AUDIT = """
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.ledger import services
from patchbay.kernel.usage.models import UsageRecord
import sys
org = {organisation!r}
records = list(UsageRecord.objects.filter(organisation_id=org).values_list("request_id", "cost_micro"))
entries = ledger.spent_by_request(org)
balance = ledger.get_balance(org)
print(json.dumps(dict(
    records=records, entries=entries, faults=ledger.verify(), available=balance.available_micro,
    granted=ledger.total_granted(org), leased=ledger.total_leased(org),
)))
"""


def run(*, kills: int, database_url: str = "", seed: int | None = None) -> dict[str, int]:
    """Run the whole measure; returns the figures."""
    random.seed(seed)
    instance = Instance(database_url=database_url)
    demo = instance.demo()
    organisation = instance.python(_GRANT.format(credits=GRANT, email=demo["email"]))
    tally = Tally()
    try:
        for number in range(kills):
            instance.start()
            asyncio.run(_load_and_kill(instance, demo["api_key"], tally))
            if (number + 1) % 10 == 0:
                print(f"  {number + 1} kills, {len(tally.answered)} answered, {tally.cut} cut off", flush=True)
        instance.start()  # the next process returns what the dead ones had leased
        instance.stop()
        audit = instance.python(_AUDIT.format(organisation=organisation))
    finally:
        instance.kill()
    figures = judge(kills, tally, audit)
    if not any(figures[name] for name in ("lost", "doubled", "overspent", "refused_wrongly")):
        shutil.rmtree(instance.data_dir, ignore_errors=True)
    return figures


_GRANT = """
from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.plans import services as plans
organisation = accounts.find_membership_by_email({email!r}).organisation_id
plans.assign_plan(organisation_id=organisation, plan_code="enterprise")
ledger.grant(organisation_id=organisation, amount_micro={credits} * 1_000_000, kind="adjustment",
    idempotency_key="chaos", reason="chaos")
print(json.dumps(organisation))
"""


def judge(kills: int, tally: Tally, audit: dict[str, object]) -> dict[str, int]:
    """Compare what clients saw with what was written."""
    from patchbay.lib.money import from_credits

    records: list[list[object]] = audit["records"]  # type: ignore[assignment]
    counts = Counter(request_id for request_id, _ in records)
    cost = {str(request_id): int(str(micro)) for request_id, micro in records}
    entries: dict[str, int] = audit["entries"]  # type: ignore[assignment]
    lost = sum(
        1
        for request_id, credits in tally.answered.items()
        if cost.get(request_id) != from_credits(credits) or entries.get(request_id, 0) != cost.get(request_id)
    )
    spent = sum(cost.values())
    expected = int(str(audit["granted"])) - spent
    print(f"  answered {len(tally.answered)}, cut off {tally.cut}, other answers {dict(tally.other)}")
    print(f"  records without an answer (last commit before a kill): {len(counts.keys() - tally.answered.keys())}")
    print(f"  ledger faults: {audit['faults']}; still leased: {audit['leased']}")
    return {
        "kills": kills,
        "answered": len(tally.answered),
        "lost": lost + (1 if audit["faults"] else 0),
        "doubled": sum(count - 1 for count in counts.values()),
        "overspent": max(0, -expected) + abs(expected - int(str(audit["available"]))),
        "refused_wrongly": tally.refused,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    if arguments.database == "postgres":
        from tests.postgres import server_url

        with server_url() as url:
            figures = run(kills=arguments.kills, database_url=url, seed=arguments.seed)
    else:
        figures = run(kills=arguments.kills, seed=arguments.seed)
    for name, value in figures.items():
        print(f"{name:>16} {value:>10,}")
    print(json.dumps({"bench": "chaos", "figures": figures}))
    return 1 if figures["lost"] or figures["doubled"] or figures["overspent"] or figures["refused_wrongly"] else 0


if __name__ == "__main__":
    sys.exit(main())
