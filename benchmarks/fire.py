"""Money under fire: calls all at once by every route over several processes, against balances that do not last.

`python -m benchmarks.fire [--requests 1000] [--workers 4] [--database sqlite|postgres]`

What a call costs and what is held for it are learnt first: an organisation that can pay is charged the one, the
refusal of one that has nothing names the other. *Covered* is a call while what nobody has spent yet, credits that
calls under way hold included, is as much as it holds: who cannot have them now waits for those to end. So a refusal
was wrong when at the end its hold could still be paid, and who has what the calls cost and the largest difference
between a hold and its cost must be served whole. Six organisations ask at the same time:

- *small*: has the cost of about a third of its calls, which take every route;
- *covered*: has exactly what its calls, by every route too, must have: nobody may be refused;
- *close*, *wide*, *open*: rich, but the key has a cap, for exactly ten calls. Close holds about what it costs, wide
  twenty times that; open sets no limit to its answers, so that the last of the cap buys shorter ones;
- *greedy*: its provider counts far more than was held. It pays what it has, the rest is the platform's and is named.
"""

import argparse
import asyncio
import json
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos import stores
from benchmarks.gateway import sides
from benchmarks.gateway.ours import add_provider
from benchmarks.harness.calls import Answer, Connections
from benchmarks.harness.instance import Instance
from benchmarks.harness.routes import OUTPUT_TOKENS, Route, chat, every_route

COVERED_CALLS = 10
"""What each cap is for, and the greedy organisation's balance."""
SHARE = 0.3
"""Of its calls that the small organisation can pay."""
WIDE = 20
GREEDY_TOKENS = 9_000
PATIENCE_SECONDS = 180.0
JOBS_SECONDS = 900.0
TRIES = 40
EVERY = every_route("fire", "fire-embed")
CLOSE = chat("fire-capped")
WIDELY = chat("fire-capped", max_tokens=WIDE * OUTPUT_TOKENS)
OPEN = chat("fire-capped", max_tokens=None)
GREEDY = chat("fire-greedy")
KINDS = (*EVERY, CLOSE, WIDELY, OPEN, GREEDY)
CAPPED = {"close": CLOSE, "wide": WIDELY, "open": OPEN}
NAMES = ("probe", "empty", "small", "covered", *CAPPED, "greedy")


@dataclass(frozen=True, slots=True)
class Price:
    """What one call costs and what is held for it, in micro-credits."""

    cost: int
    hold: int


Prices = Mapping[Route, Price]


@dataclass
class Seen:
    """What the clients of one organisation saw; `served` are the answers that came whole, by request id.

    `refused` counts refusals by the hold that they name: of a provider that counts more than was held, it grows.
    """

    served: dict[str, Route] = field(default_factory=dict)
    refused: Counter[int] = field(default_factory=Counter)
    put_off: int = 0
    other: Counter[str] = field(default_factory=Counter)


async def ask(port: int, key: str, route: Route, seen: Seen) -> Answer:
    """Ask until there is an answer or a refusal for want of credits."""
    connections = Connections(port)
    try:
        for _ in range(TRIES):
            answer = await asyncio.wait_for(connections.ask(route.request(key)), PATIENCE_SECONDS)
            if answer.status != 503:  # too many at once: no word about credits
                break
            seen.put_off += 1
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
    finally:
        connections.close()
    if answer.status == 200 and answer.complete and route.ending in answer.body:
        seen.served[answer.request_id] = route
    elif answer.status == 402:
        seen.refused[_held(answer)] += 1
    else:
        seen.other[f"{answer.status} {route.path}: {answer.body[-200:]!r}"] += 1
    return answer


async def storm(port: int, waves: Sequence[tuple[str, Sequence[Route], Seen]]) -> None:
    """Make all calls of all organisations at once."""
    mixed = [(key, route, seen) for key, asked, seen in waves for route in asked]
    mixed.sort(key=lambda each: each[1].path)  # organisations meet at each route
    await asyncio.gather(*(ask(port, key, route, seen) for key, route, seen in mixed))


_SET_UP = """
from patchbay.kernel.accounts.models import Organisation
from patchbay.kernel.keys import token
from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.plans import services as plans
from patchbay.kernel.plans.contracts import Rate

plans.change_plan(plan_code="free", requests_per_minute=2_000_000_000)
for model in ("fire-capped", "fire-greedy"):
    plans.set_rates(model=model, rates={{"prompt_tokens": Rate(0, 1), "completion_tokens": Rate(1_000_000, 100)}})
made = {{}}
for name in {names!r}:
    organisation = Organisation.objects.create(name=name, slug=f"fire-{{name}}")
    secret = token.new_token("live")
    key = ApiKey.objects.create(organisation_id=organisation.id, name=name, permission="full", environment="live",
        created_by="fire", prefix=secret[: token.PREFIX_LENGTH], digest=token.digest(secret))
    made[name] = dict(organisation=organisation.id, key=secret, key_id=key.id)
for name in {rich!r}:
    ledger.grant(organisation_id=made[name]["organisation"], amount_micro=10**12, kind="purchase",
        idempotency_key="fire")
print(json.dumps(made))
"""

_WORK = """
from patchbay.kernel.jobs import queries as jobs
backlog = jobs.get_backlog()
print(json.dumps(backlog.due + backlog.running))
"""

_COSTS = """
from patchbay.kernel.usage.models import UsageRecord
print(json.dumps(dict(UsageRecord.objects.filter(request_id__in={ids!r}).values_list("request_id", "cost_micro"))))
"""

_PAY = """
from patchbay.kernel.keys import services as keys
from patchbay.kernel.ledger import services as ledger
made = {made!r}
for name, amount in {amounts!r}.items():
    ledger.grant(organisation_id=made[name]["organisation"], amount_micro=amount, kind="purchase",
        idempotency_key="fire")
for name, cap in {caps!r}.items():
    ledger.set_budget(organisation_id=made[name]["organisation"], scope="key", scope_id=made[name]["key_id"],
        cap_micro=cap)
    keys.forget_grants(made[name]["organisation"])
print("1")
"""

_AUDIT = """
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.usage.models import UsageRecord
found = {{}}
for name, made in {made!r}.items():
    organisation = made["organisation"]
    rows = UsageRecord.objects.filter(organisation_id=organisation)
    found[name] = dict(
        records=list(rows.values_list("request_id", "cost_micro", "loss_micro")),
        paid=ledger.spent_by_request(organisation), granted=ledger.total_granted(organisation),
        available=ledger.get_balance(organisation).available_micro)
print(json.dumps(dict(found=found, faults=ledger.verify())))
"""


def run(*, requests: int, capped: int, workers: int, database_url: str = "", redis_url: str = "") -> dict[str, int]:
    """Run the whole measure; returns the figures."""
    arguments = ("--workers", str(workers)) if workers > 1 else ()
    instance = Instance(database_url=database_url, arguments=arguments)
    instance.environment["PATCHBAY_REDIS_URL"] = redis_url
    processes = sides.Processes(instance.data_dir)
    seen = {name: Seen() for name in NAMES}
    asked = {
        "small": _cycle(EVERY, requests),
        "covered": _cycle(EVERY, requests * 3 // 10),
        "greedy": [GREEDY] * (4 * COVERED_CALLS),
    } | {name: [route] * capped for name, route in CAPPED.items()}
    try:
        made = _prepare(instance, processes)
        instance.start()
        _wait_for_jobs(instance)
        prices = _learn(instance, made, seen)
        caps = _pay(instance, made, prices, asked)
        print(f"  {sum(map(len, asked.values()))} calls at once over {workers} processes", flush=True)
        asyncio.run(storm(instance.port, [(made[name]["key"], routes, seen[name]) for name, routes in asked.items()]))
        instance.stop()
        audit = instance.python(_AUDIT.format(made=made))
    finally:
        instance.kill()
        processes.stop()
    figures = judge(seen, audit, prices, caps)
    if not is_bad(figures):
        shutil.rmtree(instance.data_dir, ignore_errors=True)
    return figures


def _cycle(routes: Sequence[Route], count: int) -> list[Route]:
    return [routes[number % len(routes)] for number in range(count)]


def _prepare(instance: Instance, processes: sides.Processes) -> dict[str, dict[str, str]]:
    from tests.fakes.vendors.checks import OPENAI_KEY

    fake = processes.start("upstream", [sys.executable, "-m", "tests.fakes.upstream", "--kind", "openai"])
    assert fake.stdout is not None
    port = int(fake.stdout.readline().partition("127.0.0.1:")[2].partition("/")[0])
    instance.demo()
    add_provider(instance, "vendor", port, api_key=OPENAI_KEY)
    targets = {"fire": "gpt", "fire-capped": "gpt", "fire-embed": "embed", "fire-greedy": f"gpt+usage-{GREEDY_TOKENS}"}
    for alias, model in targets.items():
        instance.run("model", "add", alias, "--target", f"vendor/{model}")
    made: dict[str, dict[str, str]] = instance.python(_SET_UP.format(names=NAMES, rich=("probe", *CAPPED)))
    return made


def _wait_for_jobs(instance: Instance) -> None:
    """Wait until plugs answer by meaning too: else the same question costs less now than later."""
    deadline = time.monotonic() + JOBS_SECONDS
    while instance.python(_WORK):
        assert time.monotonic() < deadline, "the jobs do not end"
        time.sleep(1)


def _learn(instance: Instance, made: dict[str, dict[str, str]], seen: dict[str, Seen]) -> Prices:
    """Ask each way once as one who can pay and as one who cannot."""
    holds = []
    for route in KINDS:
        asyncio.run(ask(instance.port, made["probe"]["key"], route, seen["probe"]))
        refusal = asyncio.run(ask(instance.port, made["empty"]["key"], route, seen["empty"]))
        holds.append(_held(refusal))
    served = seen["probe"].served
    assert len(served) == len(KINDS), seen["probe"].other
    costs: dict[str, int] = instance.python(_COSTS.format(ids=[*served]))
    return {route: Price(costs[each], hold) for (each, route), hold in zip(served.items(), holds, strict=True)}


def _held(refusal: Answer) -> int:
    """Return what a refusal says is held for such a call."""
    from patchbay.lib.money import from_credits

    found = re.search(rb"can cost up to ([\d.]+) credits", refusal.body)
    assert refusal.status == 402, refusal
    assert found is not None, refusal
    return from_credits(found[1].decode())


def _pay(
    instance: Instance, made: dict[str, dict[str, str]], prices: Prices, asked: Mapping[str, Sequence[Route]]
) -> dict[str, int]:
    """Give each organisation what its part says; returns the caps."""
    assert all(price.hold >= price.cost for route, price in prices.items() if route not in (OPEN, GREEDY))
    cost = {name: sum(prices[route].cost for route in routes) for name, routes in asked.items()}
    amounts = {
        "small": round(SHARE * cost["small"]),
        "covered": cost["covered"] + max(prices[route].hold - prices[route].cost for route in asked["covered"]),
        "greedy": COVERED_CALLS * prices[GREEDY].cost,
    }
    caps = {name: _cap_for(COVERED_CALLS, prices[route]) for name, route in CAPPED.items()}
    instance.python(_PAY.format(made=made, amounts=amounts, caps=caps))
    return caps


def _cap_for(calls: int, price: Price) -> int:
    """Return the least cap that covers so many calls: when all but one are paid, it must still hold the last."""
    return (calls - 1) * price.cost + price.hold


def judge(seen: dict[str, Seen], audit: dict[str, Any], prices: Prices, caps: Mapping[str, int]) -> dict[str, int]:
    """Compare what clients saw with what was written."""
    totals: Counter[str] = Counter()
    for name, found in audit["found"].items():
        counts, left = _judge_one(seen[name], found, prices, caps.get(name), pays_all=name != "greedy")
        totals.update(counts)
        if name in ("probe", "empty"):
            continue
        refused, put_off = seen[name].refused.total(), seen[name].put_off
        least = min(seen[name].refused, default=0)
        print(
            f"  {name:>8}: served {len(seen[name].served)}, refused {refused}, put off {put_off} times; "
            f"{left:,} micro-credits left, the smallest hold that was refused {least:,}"
        )
        for what, count in seen[name].other.items():
            print(f"           {count} × {what}")
    zero = ("overspent_micro", "served_uncharged", "charged_unserved", "refused_wrongly", "lost_micro", "other")
    return {
        "served": sum(len(each.served) for each in seen.values()),
        **{name: totals[name] for name in zero},
        "refused_though_covered": seen["covered"].refused.total(),
        **{f"{name}_cap_served": len(seen[name].served) for name in caps},
        "ledger_faults": len(audit["faults"]),
    }


def _judge_one(
    seen: Seen, found: Mapping[str, Any], prices: Prices, cap: int | None, *, pays_all: bool
) -> tuple[Counter[str], int]:
    """Return what is wrong with one organisation, and what is left of its credits or cap."""
    records = Counter(str(request_id) for request_id, _, _ in found["records"])
    cost = {str(request_id): int(micro) for request_id, micro, _ in found["records"]}
    loss = {str(request_id): int(micro) for request_id, _, micro in found["records"]}
    spent = sum(cost.values())
    left = int(found["available"]) if cap is None else cap - spent

    def is_exact(request_id: str, route: Route) -> bool:
        price = prices[route].cost
        return (
            records[request_id] == 1
            and cost[request_id] + loss[request_id] == price
            and found["paid"].get(request_id, 0) == cost[request_id]
        )

    counts = Counter(
        overspent_micro=max(0, -left)
        + max(0, -found["available"])
        + abs(found["granted"] - spent - found["available"]),
        served_uncharged=sum(not is_exact(*each) for each in seen.served.items()),
        charged_unserved=sum(each not in seen.served for each in records),
        refused_wrongly=sum(count for hold, count in seen.refused.items() if hold <= left),
        lost_micro=sum(loss.values()) if pays_all else 0,
        other=seen.other.total(),
    )
    return counts, left


def is_bad(figures: Mapping[str, int]) -> bool:
    caps = {f"{name}_cap_served" for name in CAPPED}
    must_be_zero = figures.keys() - caps - {"served"}
    return any(figures[name] for name in must_be_zero) or any(figures[name] != COVERED_CALLS for name in caps)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--capped", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    given = parser.parse_args()
    with stores(given.database, given.workers) as (database_url, redis_url):
        figures = run(
            requests=given.requests,
            capped=given.capped,
            workers=given.workers,
            database_url=database_url,
            redis_url=redis_url,
        )
    for name, value in figures.items():
        print(f"{name:>24} {value:>10,}")
    print(json.dumps({"bench": "fire", "figures": figures}))
    return 1 if is_bad(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
