"""Ten minutes at half load, with streams, clients that leave and a provider that fails: nothing grows, all adds up.

`python -m benchmarks.soak [--minutes 10] [--warm-up 60]`

Half load is as many calls a second as take half a core's time here. Calls begin at that pace whatever their answers
do. After the warm-up and at the end the clients leave, idle connections run out, and what is open is counted.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks.gateway import sides, wire
from benchmarks.gateway.ours import add_provider, prepare
from benchmarks.harness import processes
from benchmarks.harness.calls import Answer, Connections
from benchmarks.harness.instance import Instance

ROOT = Path(__file__).resolve().parents[1]
ORGANISATIONS = 20
HALF_A_CORE = 0.5
MOST_OPEN = 1_000
CALL_SECONDS = 60.0
CALIBRATION_SECONDS = 8.0
CALIBRATION_RATE = 200.0
SETTLE_SECONDS = 75.0
SAMPLE_SECONDS = 2.0
FAULTS = ("fault-500", "fault-429", "fault-reset")
PATH = "/v1/chat/completions"
# kind of call → its share; whole, streamed, left by the client, and before a provider that fails (then another serves)
MIX = {"whole": 50, "stream": 25, "left_stream": 10, "left_whole": 5, "fault": 9, "cut": 1}


@dataclass
class Tally:
    """What the clients saw: calls by kind, ids of the answers whose final bytes came, and what was wrong."""

    calls: Counter[str] = field(default_factory=Counter)
    answered: list[str] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    late: int = 0
    example: str = ""


class Load:
    """Calls of the mix at a pace."""

    def __init__(self, port: int, keys: list[str], tally: Tally) -> None:
        self._connections = Connections(port)
        self._requests = {(kind, key): request_of(kind, key) for kind in MIX for key in keys}
        self._keys = keys
        self._tally = tally
        self._open: set[asyncio.Task[None]] = set()

    async def run(self, rate: float, seconds: float) -> None:
        """Begin `rate` calls a second for so long, and wait for the last of them."""
        started, begun = time.perf_counter(), 0
        kinds, weights = list(MIX), list(MIX.values())
        while (elapsed := time.perf_counter() - started) < seconds:
            due = int(elapsed * rate) - begun
            begun += due
            room = min(due, MOST_OPEN - len(self._open))
            self._tally.late += due - room
            for kind in random.choices(kinds, weights, k=room):
                task = asyncio.create_task(self._call(kind, random.choice(self._keys)))
                self._open.add(task)
                task.add_done_callback(self._open.discard)
            await asyncio.sleep(0.005)
        if self._open:
            await asyncio.wait(self._open, timeout=CALL_SECONDS)
        self._connections.close()

    async def _call(self, kind: str, key: str) -> None:
        leave = {"left_stream": random.randrange(1, 8_000), "left_whole": 0}.get(kind)
        self._tally.calls[kind] += 1
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await self._connections.ask(self._requests[kind, key], leave_after=leave)
        except (OSError, TimeoutError) as error:
            self._note(f"{kind}: {type(error).__name__}", repr(error))
            return
        if leave is None:
            self._check(kind, answer)

    def _check(self, kind: str, answer: Answer) -> None:
        if kind == "cut":  # the provider leaves in the middle: whatever comes must not look whole
            if answer.complete and answer.status == 200 and wire.is_right(answer.body, stream=True):
                self._note("cut: looks whole", answer.body.decode())
        elif answer.status != 200 or not answer.complete:
            self._note(f"{kind}: {answer.status} complete={answer.complete}", answer.body.decode())
        elif not wire.is_right(answer.body, stream=kind == "stream"):
            self._note(f"{kind}: wrong text", answer.body.decode())
        else:
            self._tally.answered.append(answer.request_id)

    def _note(self, what: str, example: str) -> None:
        self._tally.wrong[what] += 1
        self._tally.example = self._tally.example or f"{what}: {example[:600]}"


def request_of(kind: str, key: str) -> bytes:
    model = {"fault": random.choice(FAULTS), "cut": "fault-cut"}.get(kind, wire.MODEL)
    body = wire.request_body(model, stream=kind in ("stream", "left_stream", "cut"))
    return wire.post(PATH, body, {"authorization": f"Bearer {key}"})


def add_faulty_models(instance: Instance, port: int) -> None:
    """Make a model for each fault, whose second target is well; the broken middle of a stream has no second."""
    add_provider(instance, "faulty", port)
    for fault in FAULTS:
        instance.run("model", "add", fault, "--target", f"faulty/{fault}")
        instance.run("model", "add", fault, "--target", f"upstream/{wire.MODEL}", "--order", "1")
    instance.run("model", "add", "fault-cut", "--target", "upstream/fault-cut")


@dataclass(frozen=True, slots=True)
class Rest:
    """What is open when nothing is under way."""

    sockets: int
    threads: int


async def settle(pid: int) -> Rest:
    """Wait until idle connections have run out, and count."""
    deadline = time.monotonic() + SETTLE_SECONDS
    least = Rest(processes.count_sockets(pid), processes.count_threads(pid))
    while time.monotonic() < deadline:
        await asyncio.sleep(5)
        now = Rest(processes.count_sockets(pid), processes.count_threads(pid))
        least = Rest(min(least.sockets, now.sockets), now.threads)
    return least


async def half_load(load: Load, pid: int) -> float:
    """Return the calls a second that take half a core's time."""
    await load.run(CALIBRATION_RATE, CALIBRATION_SECONDS / 2)
    used, started = processes.cpu_seconds(pid), time.perf_counter()
    await load.run(CALIBRATION_RATE, CALIBRATION_SECONDS)
    busy = (processes.cpu_seconds(pid) - used) / (time.perf_counter() - started)
    return CALIBRATION_RATE * HALF_A_CORE / busy


async def sample(pid: int, sizes: list[int]) -> None:
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        sizes.append(processes.private_bytes(pid))


async def soak(port: int, pid: int, keys: list[str], minutes: float, warm_up: float) -> tuple[dict[str, float], Tally]:
    tally, sizes = Tally(), list[int]()
    load = Load(port, keys, tally)
    await asyncio.to_thread(processes.wait_until_idle, pid)
    rate = await half_load(load, pid)
    print(f"  half load: {rate:.0f} calls a second; warming up for {warm_up:g} s", flush=True)
    await load.run(rate, warm_up)
    before = await settle(pid)
    print(f"  at rest: {before}; under load for {minutes:g} minutes", flush=True)
    sampling = asyncio.create_task(sample(pid, sizes))
    used, started = processes.cpu_seconds(pid), time.perf_counter()
    await load.run(rate, minutes * 60)
    busy = (processes.cpu_seconds(pid) - used) / (time.perf_counter() - started)
    sampling.cancel()
    after = await settle(pid)
    fifth = max(1, len(sizes) // 5)
    early, late = statistics.median(sizes[:fifth]), statistics.median(sizes[-fifth:])
    print(f"  at rest again: {after}; busy {busy:.0%} of a core")
    print(f"  memory: {early / 1e6:.0f} MB in the first fifth, {late / 1e6:.0f} MB in the last")
    figures = {
        "rss_growth": late / early - 1,
        "sockets_growth": after.sockets - before.sockets,
        "threads_growth": after.threads - before.threads,
        "calls_a_second": rate,
    }
    return figures, tally


_AUDIT = """
from collections import Counter
from patchbay.kernel.accounts.models import Organisation
from patchbay.kernel.ledger import queries as ledger
from patchbay.kernel.usage import queries as usage
from patchbay.kernel.usage.models import UsageRecord
answered = set(open({path!r}).read().split())
counts = Counter(UsageRecord.objects.values_list("request_id", flat=True).iterator(chunk_size=20_000))
rows = UsageRecord.objects.values_list("outcome", "organisation_id", "cost_micro", "loss_micro")
outcomes, spent, unpaid, free = Counter(), Counter(), 0, 0
for outcome, organisation, cost, loss in rows.iterator(chunk_size=20_000):
    outcomes[outcome] += 1
    spent[organisation] += cost
    unpaid += loss
    free += not cost
faults, off = ledger.verify(), 0
for organisation in Organisation.objects.values_list("id", flat=True):
    faults += usage.verify(organisation)
    left = ledger.get_balance(organisation).available_micro
    off += abs(ledger.total_granted(organisation) - spent[organisation] - left) + ledger.total_leased(organisation)
print(json.dumps(dict(
    records=sum(counts.values()), lost=len(answered - counts.keys()), outcomes=outcomes,
    doubled=sum(count - 1 for count in counts.values()), faults=faults, off=off + unpaid, free=free,
    spent=sum(spent.values()),
)))
"""


def audit(instance: Instance, tally: Tally) -> dict[str, int]:
    """Compare the clients' view with the books, and let the doctor look."""
    path = instance.data_dir / "answered.txt"
    path.write_text("\n".join(tally.answered))
    found = instance.python(_AUDIT.format(path=str(path)))
    ill = instance.list_ills()
    print(f"  {len(tally.answered):,} answered, {found['records']:,} records: {found['outcomes']}")
    print(f"  {found['spent'] / 1e6:,.2f} credits spent; ledger faults: {found['faults']}; doctor: {ill or 'well'}")
    left = tally.calls["left_stream"] + tally.calls["left_whole"]
    return {
        "lost": found["lost"],
        "doubled": found["doubled"],
        "charged_unserved": max(0, found["records"] - len(tally.answered) - left),
        "free": found["free"],
        "off_micro": found["off"],
        "ledger_faults": len(found["faults"]) + len(ill),
        "wrong": sum(tally.wrong.values()),
    }


def run(minutes: float, warm_up: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="patchbay-soak-", dir=ROOT) as name:
        folder = Path(name)
        started = sides.Processes(folder)
        instance = Instance(data_dir=folder)
        try:
            upstream = sides.start_upstream(started)
            keys = prepare(instance, upstream.port, organisations=ORGANISATIONS)
            add_faulty_models(instance, upstream.port)
            instance.start()
            figures, tally = uvloop.run(soak(instance.port, instance.pid, keys, minutes, warm_up))
            instance.stop()
            print(f"  calls: {dict(tally.calls)}; not begun in time: {tally.late}; wrong: {dict(tally.wrong)}")
            if tally.example:
                print(f"  the first that was wrong: {tally.example}")
            return figures | audit(instance, tally)
        finally:
            instance.kill()
            started.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--warm-up", type=float, default=60.0, help="seconds")
    arguments = parser.parse_args()
    figures = {name: round(value, 3) for name, value in run(arguments.minutes, arguments.warm_up).items()}
    for name, value in figures.items():
        print(f"{name:>16} {value:>12,}")
    print(json.dumps({"bench": "soak", "figures": figures}))
    none = ("sockets_growth", "lost", "doubled", "charged_unserved", "free", "off_micro", "ledger_faults", "wrong")
    return 1 if figures["rss_growth"] > 0.05 or any(figures[name] > 0 for name in none) else 0


if __name__ == "__main__":
    sys.exit(main())
