"""`/healthz`: this process lives. `/readyz`: it can do its work: database, shared state, ledger writer."""

import asyncio
import time

from django.db import connection

from patchbay.kernel.usage import runtime
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import respond_json
from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared import state

STARTED = time.monotonic()


async def healthz(request: Request) -> None:
    await respond_json(request, {"status": "ok", "uptime_seconds": round(time.monotonic() - STARTED, 1)})


async def readyz(request: Request) -> None:
    checks = {
        "database": await asyncio.to_thread(_database_answers),
        "shared": await asyncio.to_thread(_shared_answers),
        "writer": runtime.is_healthy(),
    }
    ready = all(checks.values())
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    headers = [] if ready else [(b"retry-after", b"2")]
    await respond_json(request, body, status=200 if ready else 503, headers=headers)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone())
    except Exception:
        return False
    finally:
        connection.close()


def _shared_answers() -> bool:
    try:
        state.epoch().refresh()
    except UnavailableError:
        return False
    return True
