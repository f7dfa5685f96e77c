"""SIGTERM under load: every answer that left whole has its record, and what was leased is back."""

import asyncio
from dataclasses import dataclass, field

import httpx

from tests.e2e.processes.conftest import QUESTION
from tests.instances import DemoInstance
from tests.redis_server import redis_server

CLIENTS = 8
ENOUGH = 40

_SET_UP = """
from patchbay.kernel.accounts import queries as accounts
from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.plans import services as plans
organisation = accounts.find_membership_by_email({email!r}).organisation_id
plans.assign_plan(organisation_id=organisation, plan_code="enterprise")
ledger.grant(organisation_id=organisation, amount_micro=10_000_000_000, kind="adjustment",
    idempotency_key="load", reason="load")
print(json.dumps(organisation))
"""
_AUDIT = """
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.usage.models import UsageRecord
organisation = {organisation!r}
print(json.dumps(dict(
    records=sorted(UsageRecord.objects.filter(organisation_id=organisation).values_list("request_id", flat=True)),
    paid=sorted(ledger.spent_by_request(organisation)),
    faults=ledger.verify(),
    leased=ledger.total_leased(organisation),
)))
"""


@dataclass
class Load:
    """Clients that ask, whole and streamed, until nobody listens; `answered` are the ids of what arrived whole."""

    base_url: str
    headers: dict[str, str]
    answered: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        async with asyncio.timeout(60):
            await asyncio.gather(*(self._client(stream=number % 2 == 0) for number in range(CLIENTS)))

    async def _client(self, stream: bool) -> None:
        async with httpx.AsyncClient(base_url=self.base_url, headers=self.headers, timeout=20) as http:
            while True:
                try:
                    answer = await http.post("/v1/chat", json=QUESTION | {"stream": stream})
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    self.refused.append(answer.status_code)
                elif not stream or "\nevent: done\n" in answer.text:
                    self.answered.append(answer.headers["x-request-id"])
                    if len(self.answered) >= ENOUGH:
                        self.enough.set()


async def _load_and_stop(instance: DemoInstance, key: str) -> Load:
    load = Load(instance.base_url, {"authorization": f"Bearer {key}"})
    running = asyncio.create_task(load.run())
    await load.enough.wait()
    await asyncio.to_thread(instance.stop)
    await running
    return load


def test_draining_under_load_loses_nothing() -> None:
    with redis_server() as redis:
        instance = DemoInstance(arguments=("--workers", "3"))
        instance.environment["PATCHBAY_REDIS_URL"] = redis.url
        try:
            demo = instance.demo()
            organisation = instance.python(_SET_UP.format(email=demo["email"]))
            instance.start()
            load = asyncio.run(_load_and_stop(instance, demo["api_key"]))
            audit = instance.python(_AUDIT.format(organisation=organisation))
        finally:
            instance.remove()
    assert len(load.answered) >= ENOUGH
    assert load.refused == [], "who was let in was served"
    assert audit["records"] == sorted(load.answered), "one record for each answer, none without"
    assert audit["paid"] == audit["records"]
    assert audit["faults"] == []
    assert audit["leased"] == 0, "leases are back"
