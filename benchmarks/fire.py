"""Money under fire: calls all at once by every route over several processes, against balances that do not last.

`python -m benchmarks.fire [--requests 1000] [--workers 4] [--database sqlite|postgres]`

Three organisations ask at the same time, the first two half of the requests each. The *small* one has credits for
about a third of its calls: nothing may be spent beyond them, what is charged is what was served, and at the end they
do not cover another call. The *covered* one has what its calls may cost at worst, of models to the micro-credit, of
plugs with room to spare: nobody may be refused. A *capped* key may spend what ten calls cost: ten are served.
"""

import argparse
import asyncio
import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos import stores
from benchmarks.gateway import sides, wire
from benchmarks.gateway.ours import add_provider
from benchmarks.harness.calls import Answer, Connections
from benchmarks.harness.instance import Instance

CAPPED_SERVES = 10
SHARE = 0.3
"""Of its calls that the small organisation can pay."""
PLUG_WORST = 60
"""A plug's worst case over what it costs: its prompt is held by bytes and its answer by its longest."""
PATIENCE_SECONDS = 120.0
OUTPUT_TOKENS = 34
"""What the fake vendor counts for every answer; it counts 1,200 for every prompt, and no token is less than a byte."""
WORDS = "Say something of some length about notice periods, please. " * 24


@dataclass(frozen=True, slots=True)
class Route:
    """One way to ask: `ending` stands in every answer that is whole."""

    path: str
    body: dict[str, Any]
    ending: bytes

    @property
    def model(self) -> str:
        return str(self.body.get("model", "plug/"))

    @property
    def is_plug(self) -> bool:
        return self.model.startswith("plug/")

    @property
    def output_tokens(self) -> int:
        """The limit that the call sets; embeddings have none."""
        return int(self.body.get("max_tokens", self.body.get("max_output_tokens", 0)))

    def request(self, key: str) -> bytes:
        return wire.post(self.path, json.dumps(self.body).encode(), {"authorization": f"Bearer {key}"})


def routes() -> Sequence[Route]:
    said = [{"role": "user", "content": WORDS}]
    chat = {"model": "fire", "messages": said, "max_tokens": OUTPUT_TOKENS}
    response = {"model": "fire", "input": WORDS, "max_output_tokens": OUTPUT_TOKENS}
    plug = {"model": "plug/legal-v1", "messages": [{"role": "user", "content": "What is the limit of liability?"}]}
    ask = {"plugin_id": "legal-v1", "message": "What is the interest rate on late payment?"}
    streams = {"stream": True}
    return (
        Route("/v1/chat/completions", chat, b'"usage"'),
        Route("/v1/chat/completions", chat | streams, b"data: [DONE]"),
        Route("/v1/responses", response, b'"usage"'),
        Route("/v1/responses", response | streams, b"event: response.completed"),
        Route("/v1/messages", chat, b'"usage"'),
        Route("/v1/messages", chat | streams, b"event: message_stop"),
        Route("/v1/embeddings", {"model": "fire-embed", "input": WORDS}, b'"usage"'),
        Route("/v1/chat/completions", plug, b'"usage"'),
        Route("/v1/chat/completions", plug | streams, b"data: [DONE]"),
        Route("/v1/chat", ask, b'"usage"'),
    )


CAPPED = Route("/v1/chat/completions", routes()[0].body | {"model": "fire-capped"}, b'"usage"')


@dataclass
class Seen:
    """What the clients of one organisation saw; `served` are request ids of answers that came whole."""

    served: list[str] = field(default_factory=list)
    refused: int = 0
    other: Counter[str] = field(default_factory=Counter)


async def ask(port: int, key: str, route: Route, seen: Seen) -> bool:
    """Ask until there is an answer or a refusal for want of credits; True when it was served."""
    connections = Connections(port)
    try:
        for _ in range(20):
            answer = await asyncio.wait_for(connections.ask(route.request(key)), PATIENCE_SECONDS)
            if answer.status != 503:  # too many at once: no word about credits
                break
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
        return _note(answer, route, seen)
    finally:
        connections.close()


def _note(answer: Answer, route: Route, seen: Seen) -> bool:
    if answer.status == 200 and answer.complete and route.ending in answer.body:
        seen.served.append(answer.request_id)
        return True
    if answer.status == 402:
        seen.refused += 1
    else:
        seen.other[f"{answer.status} {route.path}: {answer.body[-200:]!r}"] += 1
    return False


async def storm(port: int, waves: Sequence[tuple[str, Sequence[Route], Seen]]) -> None:
    """Make all calls of all organisations at once."""
    mixed = [(key, route, seen) for key, asked, seen in waves for route in asked]
    mixed.sort(key=lambda each: each[1].path)  # organisations meet at each route
    await asyncio.gather(*(ask(port, key, route, seen) for key, route, seen in mixed))


async def spend_the_rest(port: int, key: str, seen: Seen) -> None:
    """Ask one after another until the credits cover no more."""
    while await ask(port, key, routes()[0], seen):
        pass


_SET_UP = """
from patchbay.kernel.accounts.models import Organisation
from patchbay.kernel.keys import token
from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.plans import services as plans
from patchbay.kernel.plans.contracts import Rate

plans.change_plan(plan_code="free", requests_per_minute=2_000_000_000)
plans.set_rates(model="fire-capped", rates={{"prompt_tokens": Rate(0, 1), "completion_tokens": Rate(1_000_000, 100)}})
made = {{}}
for name in ("probe", "small", "covered", "capped"):
    organisation = Organisation.objects.create(name=name, slug=f"fire-{{name}}")
    secret = token.new_token("live")
    key = ApiKey.objects.create(organisation_id=organisation.id, name=name, permission="full", environment="live",
        created_by="fire", prefix=secret[: token.PREFIX_LENGTH], digest=token.digest(secret))
    made[name] = dict(organisation=organisation.id, key=secret, key_id=key.id)
for name in ("probe", "capped"):
    ledger.grant(organisation_id=made[name]["organisation"], amount_micro=10**12, kind="purchase",
        idempotency_key="fire")
print(json.dumps(made))
"""

_COSTS = """
from patchbay.kernel.plans import queries as plans
from patchbay.kernel.usage.models import UsageRecord
rows = dict(UsageRecord.objects.filter(request_id__in={ids!r}).values_list("request_id", "cost_micro"))
worst = [
    plans.get_prices(model=model).worst_micro(prompt_tokens=size, completion_tokens=limit)
    for model, size, limit in {asked!r}
]
print(json.dumps([[rows[each] for each in {ids!r}], worst]))
"""

_PAY = """
from patchbay.kernel.keys import services as keys
from patchbay.kernel.ledger import services as ledger
made = {made!r}
for name, amount in {amounts!r}.items():
    ledger.grant(organisation_id=made[name]["organisation"], amount_micro=amount, kind="purchase",
        idempotency_key="fire")
ledger.set_budget(organisation_id=made["capped"]["organisation"], scope="key", scope_id=made["capped"]["key_id"],
    cap_micro={cap!r})
keys.forget_grants()
print("1")
"""

_AUDIT = """
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.usage.models import UsageRecord
found = {{}}
for name, made in {made!r}.items():
    organisation = made["organisation"]
    found[name] = dict(
        records=list(UsageRecord.objects.filter(organisation_id=organisation).values_list("request_id", "cost_micro")),
        paid=ledger.spent_by_request(organisation), granted=ledger.total_granted(organisation),
        available=ledger.get_balance(organisation).available_micro, leased=ledger.total_leased(organisation))
print(json.dumps(dict(found=found, faults=ledger.verify())))
"""


def run(*, requests: int, capped: int, workers: int, database_url: str = "", redis_url: str = "") -> dict[str, int]:
    """Run the whole measure; returns the figures."""
    arguments = ("--workers", str(workers)) if workers > 1 else ()
    instance = Instance(database_url=database_url, arguments=arguments)
    instance.environment["PATCHBAY_REDIS_URL"] = redis_url
    processes = sides.Processes(instance.data_dir)
    seen = {name: Seen() for name in ("probe", "small", "covered", "capped")}
    try:
        made = _prepare(instance, processes)
        instance.start()
        asked = [routes()[number % len(routes())] for number in range(requests)]
        half = asked[: requests // 2]
        worst = _pay(instance, made, seen["probe"], half)
        waves = [(made[name]["key"], half, seen[name]) for name in ("small", "covered")]
        waves.append((made["capped"]["key"], [CAPPED] * capped, seen["capped"]))
        asyncio.run(storm(instance.port, waves))
        asyncio.run(spend_the_rest(instance.port, made["small"]["key"], seen["small"]))
        instance.stop()
        audit = instance.python(_AUDIT.format(made=made))
    finally:
        instance.kill()
        processes.stop()
    figures = judge(seen, audit, worst=worst)
    if not is_bad(figures):
        shutil.rmtree(instance.data_dir, ignore_errors=True)
    return figures


def _prepare(instance: Instance, processes: sides.Processes) -> dict[str, dict[str, str]]:
    from tests.clients.models.vendors.checks import OPENAI_KEY

    fake = processes.start("upstream", [sys.executable, "-m", "tests.fakes.upstream", "--kind", "openai"])
    assert fake.stdout is not None
    port = int(fake.stdout.readline().partition("127.0.0.1:")[2].partition("/")[0])
    instance.demo()
    add_provider(instance, "vendor", port, api_key=OPENAI_KEY)
    for alias, model in (("fire", "gpt"), ("fire-capped", "gpt"), ("fire-embed", "embed")):
        instance.run("model", "add", alias, "--target", f"vendor/{model}")
    made: dict[str, dict[str, str]] = instance.python(_SET_UP.format())
    return made


def _pay(instance: Instance, made: dict[str, dict[str, str]], probe: Seen, asked: Sequence[Route]) -> int:
    """Give each organisation what its part says; returns the worst case of a plain chat."""
    kinds = (*routes(), CAPPED)
    for route in kinds:
        assert asyncio.run(ask(instance.port, made["probe"]["key"], route, probe)), probe
    bounds = [(route.model, len(json.dumps(route.body)), route.output_tokens) for route in kinds]
    costs: list[int]
    costs, bound = instance.python(_COSTS.format(ids=probe.served, asked=bounds))
    worst = [
        PLUG_WORST * cost if route.is_plug else most for route, cost, most in zip(kinds, costs, bound, strict=True)
    ]
    assert all(cost <= most for cost, most in zip(costs, worst, strict=True)), (costs, worst)
    assert CAPPED_SERVES * (worst[-1] - costs[-1]) < costs[-1], "the cap must lie between ten calls and eleven"
    numbers = [kinds.index(route) for route in asked]
    small, covered = SHARE * sum(costs[each] for each in numbers), sum(worst[each] for each in numbers)
    amounts = {"small": round(small), "covered": covered}
    instance.python(_PAY.format(made=made, amounts=amounts, cap=CAPPED_SERVES * worst[-1]))
    return worst[0]


def judge(seen: dict[str, Seen], audit: dict[str, Any], *, worst: int) -> dict[str, int]:
    """Compare what clients saw with what was written."""
    overspent = unpaid = unserved = 0
    for name, found in audit["found"].items():
        records = Counter(str(request_id) for request_id, _ in found["records"])
        cost = {str(request_id): int(micro) for request_id, micro in found["records"]}
        overspent += max(0, -found["available"]) + abs(found["granted"] - sum(cost.values()) - found["available"])
        served = set(seen[name].served)
        unpaid += sum(records[each] != 1 or found["paid"].get(each, 0) != cost[each] for each in served)
        unserved += sum(each not in served for each in records)
        left = f"{found['available']:,} micro-credits left"
        print(f"  {name:>8}: served {len(served)}, refused {seen[name].refused}, {left}")
        for what, count in seen[name].other.items():
            print(f"           {count} × {what}")
    return {
        "served": sum(len(each.served) for each in seen.values()),
        "overspent_micro": overspent,
        "served_uncharged": unpaid,
        "charged_unserved": unserved,
        "refused_wrongly": seen["covered"].refused + (audit["found"]["small"]["available"] >= worst),
        "capped_served": len(seen["capped"].served),
        "other": sum(each.other.total() for each in seen.values()),
        "ledger_faults": len(audit["faults"]),
    }


def is_bad(figures: dict[str, int]) -> bool:
    zero = ("overspent_micro", "served_uncharged", "charged_unserved", "refused_wrongly", "other", "ledger_faults")
    return any(figures[name] for name in zero) or figures["capped_served"] != CAPPED_SERVES


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
        print(f"{name:>18} {value:>10,}")
    print(json.dumps({"bench": "fire", "figures": figures}))
    return 1 if is_bad(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
