"""One measured run in a process of its own: `python -m benchmarks.ledger_peers.child KIND COUNT [SERVER_PID]`.

Prints {"settles", "cpu_seconds", "seconds"}; the CPU is this process's and, on PostgreSQL, the server's too.
"""

import asyncio
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import django

from patchbay.config.cli.boot import keep_in_memory
from patchbay.lib.ids import new_id

django.setup()  # here, because contracts import models, and importing inside `record` would be measured
from patchbay.kernel.plans.contracts import CostLine, Rate  # noqa: E402
from patchbay.kernel.usage.contracts import UsageRecord  # noqa: E402

CONCURRENT = 64
WARM_UP = 2_000
COST = 1_234
THREADS = 8
Settle = Callable[[int], Awaitable[None]]


def cpu_seconds(server_pid: int) -> float:
    """Return the CPU of this process and of a PostgreSQL server with its backends, dead ones included."""
    own = os.times()
    ticks = 0
    if server_pid:
        pids = [server_pid, *(int(pid) for pid in _children(server_pid))]
        for pid in pids:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += sum(int(field) for field in fields[11 : 15 if pid == server_pid else 13])
    return own.user + own.system + ticks / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def record(organisation: str) -> Any:
    return UsageRecord(
        request_id=new_id("req"),
        organisation_id=organisation,
        key_id="key_0192f3a4b5c67d8e9fa0b1c2d3e4f506",
        product="plugs",
        operation="chat",
        model="offline",
        provider="offline",
        prompt_tokens=1_000,
        completion_tokens=117,
        latency_ms=42,
        outcome="answered",
        lines=(
            CostLine("prompt_tokens", 1_000, Rate(1_000_000, 1_000), 1_000),
            CostLine("completion_tokens", 117, Rate(2_000_000, 1_000), 234),
        ),
    )


def organisations(count: int) -> list[str]:
    from patchbay.kernel.ledger import services

    names = [new_id("org") for _ in range(count)]
    for name in names:
        services.grant(organisation_id=name, amount_micro=10**13, kind="purchase", idempotency_key="g")
    return names


def lease_of(organisation: str) -> str:
    """Make a lease with plenty for the peers that spend from one row."""
    from patchbay.kernel.ledger import services
    from patchbay.kernel.ledger.contracts import Want
    from patchbay.kernel.ledger.engine import leasing

    return leasing.take(services.open_process(), [Want(organisation, (10**12,))])[0].lease_id


async def drive(settle: Settle, count: int) -> None:
    """Settle `count` times, CONCURRENT at once."""
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await settle(number)

    await asyncio.gather(*(client() for _ in range(CONCURRENT)))


async def measure(settle: Settle, count: int, server_pid: int, warm_up: int = WARM_UP) -> dict[str, float]:
    await drive(settle, warm_up)
    keep_in_memory()  # as a server does when it has started
    cpu, clock = cpu_seconds(server_pid), time.perf_counter()
    await drive(settle, count)
    seconds = time.perf_counter() - clock
    return {"settles": count, "cpu_seconds": cpu_seconds(server_pid) - cpu, "seconds": seconds}


def ours(count: int, server_pid: int, number_of_organisations: int) -> dict[str, float]:
    """The product's own calls: `book.hold`, then `writer.settle`."""
    from patchbay.kernel.usage import runtime
    from patchbay.kernel.usage.contracts import Settlement

    names = organisations(number_of_organisations)
    live = runtime.start()
    book, writer = live.book, live.writer
    pick = itertools.cycle(names).__next__

    async def settle(number: int) -> None:
        name = pick()
        hold = await book.hold(name, 2 * COST)
        await writer.settle(Settlement(hold, COST, record(name)))

    try:
        return asyncio.run(measure(settle, count, server_pid))
    finally:
        runtime.stop()


def batched(kind: str, count: int) -> dict[str, float]:
    from django.conf import settings

    from benchmarks.ledger_peers import peers

    name = organisations(1)[0]

    async def run() -> dict[str, float]:
        if kind == "append_log":
            thread = peers.BatchThread(peers.append_log(Path(settings.DATA_DIR) / "append.log"))
        else:
            thread = peers.BatchThread(peers.commit_each(settings.DATABASES["default"]["NAME"], lease), limit=1)
        try:
            return await measure(lambda _: thread.settle(record(name), COST), count, 0, min(WARM_UP, count // 5))
        finally:
            thread.stop()

    lease = lease_of(name) if kind == "commit_each" else ""
    return asyncio.run(run())


def row_lock(count: int, server_pid: int) -> dict[str, float]:
    from benchmarks.ledger_peers import peers
    from patchbay.kernel.usage.engine import records

    name = organisations(1)[0]
    lease, url = lease_of(name), os.environ["PATCHBAY_DATABASE_URL"]

    def run(each: int) -> None:
        work = [(url, [(record(name), COST) for _ in range(each)], lease, records.make_rows) for _ in range(THREADS)]
        threads = [threading.Thread(target=peers.row_lock, args=arguments) for arguments in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    run(20)
    keep_in_memory()
    cpu, clock = cpu_seconds(server_pid), time.perf_counter()
    run(count // THREADS)
    seconds = time.perf_counter() - clock
    return {"settles": count // THREADS * THREADS, "cpu_seconds": cpu_seconds(server_pid) - cpu, "seconds": seconds}


def main() -> None:
    kind, count, server_pid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind in ("append_log", "commit_each"):
        figures = batched(kind, count)
    elif kind == "row_lock":
        figures = row_lock(count, server_pid)
    else:
        figures = ours(count, server_pid, 1_000 if kind == "many_orgs" else 1)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
