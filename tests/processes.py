"""A process of the product for tests: it runs its own lease book and writer on a shared database, told what to do.

`LedgerProcess` is the test's end, `python -m tests.processes` the other: one JSON command a line, one answer a line.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parents[1]


class LedgerProcess:
    """A child with a lease book; `ttl` is how long others wait for its heartbeat before they take it for dead."""

    def __init__(self, database_url: str, data_dir: Path, *, ttl: float = 10.0) -> None:
        environment = os.environ | {
            "PATCHBAY_DATABASE_URL": database_url,
            "PATCHBAY_DATA_DIR": str(data_dir),
            "DJANGO_SETTINGS_MODULE": "patchbay.config.settings",
        }
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.processes", str(ttl)],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str, **arguments: Any) -> Any:
        """Send a command and wait for its answer."""
        self.send(command, **arguments)
        return self.receive()

    def send(self, command: str, **arguments: Any) -> None:
        assert self._child.stdin
        self._child.stdin.write(json.dumps([command, arguments]) + "\n")
        self._child.stdin.flush()

    def receive(self) -> Any:
        assert self._child.stdout
        line = self._child.stdout.readline()
        assert line, f"the process ended with {self._child.wait(10)}"
        return json.loads(line)

    def pause(self) -> None:
        """Stop the process; returns when each of its threads stands still."""
        self._child.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self._child.pid}/task")
        while any(stat.read_text().rpartition(")")[2].split()[0] != "T" for stat in tasks.glob("*/stat")):
            pass

    def resume(self) -> None:
        self._child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait(10)

    def close(self) -> None:
        """End the process as a shutdown does: leases return."""
        self._child.send_signal(signal.SIGCONT)
        try:
            self._child.communicate(timeout=20)
        finally:
            self._child.kill()
            self._child.wait(10)


class Commands:
    """What a child can be told. Amounts are micro-credits."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    async def burst(
        self, organisation: str, count: int, hold: int, cost: int, work_ms: float = 0, budgets: tuple[str, ...] = ()
    ) -> dict[str, int]:
        """Hold `count` times at once; whoever is served works for a while and settles. Returns how each ended."""
        from patchbay.kernel.usage import runtime, services
        from patchbay.kernel.usage.contracts import Settlement, UsageRecord
        from patchbay.lib.errors import AppError
        from patchbay.lib.ids import new_id

        live = runtime.get_runtime()

        async def one() -> str:
            try:
                held = await services.hold_all(organisation, budgets, hold)
                await asyncio.sleep(work_ms / 1000)
                record = UsageRecord(request_id=new_id("req"), organisation_id=organisation)
                await live.writer.settle(Settlement(held.organisation, cost, record, budget_holds=held.budgets))
            except AppError as error:
                return error.code
            return "served"

        ends = await asyncio.gather(*(one() for _ in range(count)))
        return {end: ends.count(end) for end in set(ends)}

    async def keep(self, organisation: str, name: str, amount: int, budgets: tuple[str, ...] = ()) -> str:
        """Make a hold and keep it under a name; returns "held" or the refusal's code."""
        from patchbay.kernel.usage import services
        from patchbay.lib.errors import AppError

        try:
            self._kept[name] = await services.hold_all(organisation, budgets, amount)
        except AppError as error:
            return error.code
        return "held"

    async def release(self, name: str) -> None:
        from patchbay.kernel.usage import services

        services.release(self._kept.pop(name))

    async def settle(self, name: str, cost: int, request: str) -> str:
        """Settle a kept hold; returns "settled" or the error's code."""
        from patchbay.kernel.usage import runtime
        from patchbay.kernel.usage.contracts import Settlement, UsageRecord
        from patchbay.lib.errors import AppError

        held = self._kept.pop(name)
        record = UsageRecord(request_id=request, organisation_id=held.organisation.organisation_id)
        try:
            await runtime.get_runtime().writer.settle(
                Settlement(held.organisation, cost, record, budget_holds=held.budgets)
            )
        except AppError as error:
            return error.code
        return "settled"

    async def run(self, door: str, function: str, arguments: dict[str, Any]) -> Any:
        """Call a function of the ledger's services or queries in a thread."""
        import dataclasses
        import importlib

        module = importlib.import_module(f"patchbay.kernel.{door}")
        answer = await asyncio.to_thread(getattr(module, function), **arguments)
        if isinstance(answer, list):
            return [dataclasses.asdict(one) if dataclasses.is_dataclass(one) else one for one in answer]  # type: ignore[arg-type]
        return dataclasses.asdict(answer) if dataclasses.is_dataclass(answer) else answer  # type: ignore[arg-type]

    async def read_value(self, sql: str) -> Any:
        """Return the one value that a statement gives on a connection of the product."""
        from django.db import connection

        def read() -> Any:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchone()[0]

        return await asyncio.to_thread(read)

    async def migrate(self) -> None:
        from django.core.management import call_command

        await asyncio.to_thread(call_command, "migrate", verbosity=0)


async def _serve(answers: TextIO) -> None:
    commands = Commands()
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, arguments = json.loads(line)
        answer = await getattr(commands, command)(**arguments)
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what is logged is not an answer
    import django

    django.setup()
    from patchbay.kernel.ledger.engine import processes
    from patchbay.kernel.usage import runtime

    processes.TTL_SECONDS = float(sys.argv[1])
    runtime.ledger.HEARTBEAT_SECONDS = processes.TTL_SECONDS / 5  # type: ignore[misc]
    asyncio.run(_serve(answers))
    runtime.stop()


if __name__ == "__main__":
    main()
