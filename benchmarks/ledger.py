"""Settles a CPU-second through the product's own calls, beside its peers, in one run.

`python -m benchmarks.ledger [--rounds 5]`

Everything runs on this machine's disk with full durability, 64 at once, in turns, each run in a fresh process. The
CPU is that of all processes, PostgreSQL's included. A figure is the median over rounds of a round's ratio, so that
what else the machine does weighs on both sides alike.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.harness.disk import fsync_milliseconds

ROOT = Path(__file__).resolve().parents[1]
# kind → (settles a round, on PostgreSQL)
RUNS = {
    "ours": (20_000, False),
    "append_log": (20_000, False),
    "commit_each": (3_000, False),
    "many_orgs": (20_000, False),
    "ours_postgres": (20_000, True),
    "row_lock": (3_000, True),
}
FIGURES = {
    "vs_append_log": ("ours", "append_log", 0.5),
    "vs_commit_each": ("ours", "commit_each", 3.5),
    "vs_row_lock": ("ours_postgres", "row_lock", 5.0),
    "many_orgs_over_one": ("many_orgs", "ours", 0.8),
}


def run(kind: str, count: int, environment: dict[str, str], server_pid: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.ledger_peers.child", kind, str(count), str(server_pid)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, check=True, capture_output=True, text=True, timeout=300
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


@contextlib.contextmanager
def databases() -> Iterator[tuple[dict[str, str], dict[str, str], int]]:
    """Yield the environments of a fresh SQLite and a fresh PostgreSQL database, and the server's process id."""
    from tests.postgres import server_url

    base = {"DJANGO_SETTINGS_MODULE": "patchbay.config.settings"}
    with tempfile.TemporaryDirectory(prefix="patchbay-bench-", dir=ROOT) as folder, server_url() as url:
        sqlite = base | {"PATCHBAY_DATA_DIR": folder, "PATCHBAY_DATABASE_URL": ""}
        postgres = base | {"PATCHBAY_DATA_DIR": folder, "PATCHBAY_DATABASE_URL": url}
        for environment in (sqlite, postgres):
            subprocess.run(
                [sys.executable, "-m", "django", "migrate", "-v0"], cwd=ROOT, env=os.environ | environment, check=True
            )
        data = Path(parse_qs(urlsplit(url).query)["host"][0])
        yield sqlite, postgres, int((data / "postmaster.pid").read_text().splitlines()[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rates: dict[str, list[float]] = {kind: [] for kind in RUNS}
    seconds: dict[str, list[float]] = {kind: [] for kind in RUNS}
    with databases() as (sqlite, postgres, server_pid):
        fsync = fsync_milliseconds(sqlite["PATCHBAY_DATA_DIR"])
        for _ in range(arguments.rounds):
            for kind, (count, on_postgres) in RUNS.items():
                figures = run(kind, count, postgres if on_postgres else sqlite, server_pid if on_postgres else 0)
                rates[kind].append(figures["settles"] / figures["cpu_seconds"])
                seconds[kind].append(figures["settles"] / figures["seconds"])
    print(f"fdatasync of the data folder's disk, median: {fsync:.2f} ms")
    print(f"{'':>16} {'settles/CPU-s':>14} {'settles/s':>12}")
    for kind in RUNS:
        print(f"{kind:>16} {statistics.median(rates[kind]):>14,.0f} {statistics.median(seconds[kind]):>12,.0f}")
    reached = {}
    for name, (mine, theirs, goal) in FIGURES.items():
        ratios = [a / b for a, b in zip(rates[mine], rates[theirs], strict=True)]
        reached[name] = round(statistics.median(ratios), 3)
        print(f"{name:>20} {reached[name]:>8} (goal ≥ {goal}; rounds {min(ratios):.2f} to {max(ratios):.2f})")
    print(json.dumps({"bench": "bench-ledger", "figures": reached | {"fsync_ms": round(fsync, 3)}}))
    return 0 if all(reached[name] >= goal for name, (_, _, goal) in FIGURES.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
