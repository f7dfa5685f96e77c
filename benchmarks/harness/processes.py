"""What processes use, read from /proc: processor time, memory, sockets, threads; of a process with all its children."""

import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def list_tree(pid: int) -> list[int]:
    """Return a process and its descendants that are alive."""
    found = [pid]
    for parent in found:
        for task in _listed(f"/proc/{parent}/task"):
            try:
                children = Path(f"/proc/{parent}/task/{task}/children").read_text().split()
            except OSError:
                continue
            found += [int(child) for child in children]
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and its descendants, those that have ended included."""
    ticks = 0
    for each in list_tree(pid):
        fields = _stat(each)
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def wait_until_idle(pid: int, *, share: float = 0.05, seconds: float = 600.0) -> None:
    """Return once a process with its children uses less than that share of a core; RuntimeError after `seconds`."""
    deadline = time.monotonic() + seconds
    before = cpu_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(2)
        now = cpu_seconds(pid)
        if now - before <= 2 * share:
            return
        before = now
    raise RuntimeError(f"Process {pid} is still at work after {seconds:g} s.")


def private_bytes(pid: int) -> int:
    """Return the proportional set size of a process and its descendants (a shared page counts once in all)."""
    total = 0
    for each in list_tree(pid):
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
    return total


def count_sockets(pid: int) -> int:
    """Return the open sockets of a process and its descendants."""
    count = 0
    for each in list_tree(pid):
        for name in _listed(f"/proc/{each}/fd"):
            try:
                count += os.readlink(f"/proc/{each}/fd/{name}").startswith("socket:")
            except OSError:
                continue
    return count


def count_threads(pid: int) -> int:
    """Return the threads of a process and its descendants."""
    return sum(len(_listed(f"/proc/{each}/task")) for each in list_tree(pid))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the command's name; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
