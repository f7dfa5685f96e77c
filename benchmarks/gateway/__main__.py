"""Requests and streams a CPU-second through Patchbay, beside its peers, before one fast upstream, in one run.

`python -m benchmarks.gateway [--rounds 5] [--seconds 3] [--organisations 10000]`

Sides take turns in every round. A rate is per CPU-second of a side, all its processes counted, children too; wall
figures stand beside. A figure is the median over rounds of a round's ratio, so that what else the machine does weighs
on both alike. Streams have 40 events, 8 ms apart. Every answer is checked by the clients.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway import load, sides
from benchmarks.gateway.ours import start_patchbay
from benchmarks.gateway.sides import Side
from benchmarks.harness.disk import fsync_milliseconds
from benchmarks.harness.processes import cpu_seconds, wait_until_idle

ROOT = Path(__file__).resolve().parents[2]
WARM_UP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """One turn of a side: answers a CPU-second and a second, and latencies in milliseconds."""

    per_cpu: float
    per_second: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float


Runs = dict[tuple[str, str], list[Run]]
"""By side and kind of load: `whole` and `streams` over 64 connections, `single` over one."""


@dataclass(frozen=True, slots=True)
class Bench:
    """All that runs: the sides before the upstream, and Patchbay with many keys."""

    upstream: Side
    peers: Sequence[Side]
    ours: Side
    many: Side
    many_keys: Path


@contextlib.contextmanager
def running(organisations: int) -> Iterator[tuple[Bench, Path]]:
    """Start everything; yields it with the data folder, which lies on this disk."""
    with tempfile.TemporaryDirectory(prefix="patchbay-bench-", dir=ROOT) as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's worker is not root
        processes = sides.Processes(folder)
        with contextlib.ExitStack() as stack:
            stack.callback(processes.stop)
            upstream = sides.start_upstream(processes)
            one, ours, _ = start_patchbay("patchbay", folder, upstream, organisations=1)
            stack.callback(one.kill)
            several, many, keys = start_patchbay("patchbay-many", folder, upstream, organisations=organisations)
            stack.callback(several.kill)
            peers = [start(processes, upstream) for start in sides.PEER_STARTS]
            yield Bench(upstream, peers, ours, many, keys), folder


def measure(side: Side, job: load.Job) -> Run:
    before = cpu_seconds(side.pid)
    seen = load.run(job)
    used = cpu_seconds(side.pid) - before
    return Run(seen.answers / used, seen.answers / seen.seconds, seen.p50_ms, seen.p99_ms, seen.first_p50_ms)


def warm_up(bench: Bench) -> None:
    """Let every side load what it loads late: code, connections, and the many keys with their leases."""
    for side in (bench.ours, bench.many, *bench.peers):
        wait_until_idle(side.pid)  # a first start indexes what ships with it
    for side in (bench.ours, *bench.peers):
        load.run(side.job(seconds=WARM_UP_SECONDS))
        if side.streams:
            load.run(side.job(seconds=WARM_UP_SECONDS, stream=True))
    keys = len(bench.many_keys.read_text().split())
    load.run(bench.many.job(keys_file=str(bench.many_keys), exactly=2 * keys))


def round_of(bench: Bench, seconds: float, runs: Runs) -> None:
    """Let every side take its turns, ours between the others."""
    runs["upstream", "single"].append(measure(bench.upstream, bench.upstream.job(connections=1, seconds=seconds / 2)))
    runs["patchbay-many", "whole"].append(
        measure(bench.many, bench.many.job(keys_file=str(bench.many_keys), seconds=seconds))
    )
    for side in (bench.ours, *bench.peers):
        runs[side.name, "whole"].append(measure(side, side.job(seconds=seconds)))
        runs[side.name, "single"].append(measure(side, side.job(connections=1, seconds=seconds / 2)))
        if side.streams:
            runs[side.name, "streams"].append(measure(side, side.job(seconds=seconds, stream=True)))


def medians(runs: Runs, figure: Callable[[dict[tuple[str, str], Run]], float]) -> tuple[float, float, float]:
    """Return the median, least and greatest over rounds of a figure of a round."""
    rounds = [dict(zip(runs, each, strict=True)) for each in zip(*runs.values(), strict=True)]
    values = [figure(each) for each in rounds]
    return statistics.median(values), min(values), max(values)


def _ratio(kind: str, side: str) -> Callable[[dict[tuple[str, str], Run]], float]:
    return lambda each: each["patchbay", kind].per_cpu / each[side, kind].per_cpu


def _added(each: dict[tuple[str, str], Run]) -> float:
    bare = each["upstream", "single"].p50_ms
    return (each["litellm", "single"].p50_ms - bare) / (each["patchbay", "single"].p50_ms - bare)


FIGURES: dict[str, tuple[Callable[[dict[tuple[str, str], Run]], float], float, bool]] = {
    "vs_nginx": (_ratio("whole", "nginx"), 0.13, True),
    "vs_tensorzero": (_ratio("whole", "tensorzero"), 1.5, True),
    "vs_portkey": (_ratio("whole", "portkey"), 9, True),
    "vs_litellm": (_ratio("whole", "litellm"), 75, True),
    "added_p50_vs_litellm": (_added, 15, True),
    "streams_vs_litellm": (_ratio("streams", "litellm"), 25, True),
    "streams_vs_tensorzero": (_ratio("streams", "tensorzero"), 1, True),
    "p99_over_p50": (lambda each: each["patchbay", "whole"].p99_ms / each["patchbay", "whole"].p50_ms, 3, False),
    "ten_thousand_keys_over_one": (
        lambda each: each["patchbay-many", "whole"].per_cpu / each["patchbay", "whole"].per_cpu,
        0.9,
        True,
    ),
}
"""Name → how a round gives it, the goal, and whether more is better."""


def show(runs: Runs, bench: Bench) -> None:
    print(f"\n{'':>14} {'version':>10} {'load':>8} {'a CPU-second':>13} {'a second':>10}", end="")
    print(f" {'p50 ms':>8} {'p99 ms':>8} {'first p50':>9}   rounds, a CPU-second")
    versions = {side.name: side.version for side in (bench.upstream, bench.ours, bench.many, *bench.peers)}
    for (side, kind), each in runs.items():
        middle = [statistics.median(getattr(run, name) for run in each) for name in Run.__slots__]
        spread = " ".join(f"{run.per_cpu:,.0f}" for run in each)
        print(f"{side:>14} {versions[side]:>10} {kind:>8} {middle[0]:>13,.0f} {middle[1]:>10,.0f}", end="")
        print(f" {middle[2]:>8.3f} {middle[3]:>8.3f} {middle[4]:>9.3f}   {spread}")


def judge(runs: Runs) -> tuple[dict[str, float], bool]:
    """Print each figure with its goal; returns them and whether all goals are met."""
    reached, met = {}, True
    for name, (figure, goal, more) in FIGURES.items():
        value, least, greatest = medians(runs, figure)
        reached[name] = round(value, 3)
        met &= reached[name] >= goal if more else reached[name] <= goal
        print(f"{name:>28} {value:>8.2f} (goal {'≥' if more else '≤'} {goal}; rounds {least:.2f} to {greatest:.2f})")
    return reached, met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn over 64 connections")
    parser.add_argument("--organisations", type=int, default=10_000, help="each with a key, of the side with many")
    arguments = parser.parse_args()
    runs: Runs = defaultdict(list)
    with running(arguments.organisations) as (bench, folder):
        fsync = fsync_milliseconds(folder)
        warm_up(bench)
        for number in range(arguments.rounds):
            round_of(bench, arguments.seconds, runs)
            print(f"  round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
    print(f"fdatasync of the data folder's disk, median: {fsync:.2f} ms; {arguments.seconds:g} s a turn")
    print("One process each; 64 connections, `single` one. Peers: nginx forwards only; TensorZero without a database")
    print("(nothing metered); Portkey without keys; LiteLLM with a key and spend in memory, without a database.")
    show(runs, bench)
    figures, met = judge(runs)
    print(json.dumps({"bench": "gateway", "figures": figures | {"fsync_ms": round(fsync, 3)}}))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
