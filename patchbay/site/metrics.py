"""`/metrics` for Prometheus: for this machine, or with the token that `PATCHBAY_METRICS_TOKEN` sets, from anywhere."""

import asyncio
import ipaddress
import secrets

from django.conf import settings

from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import respond
from patchbay.lib.errors import ForbiddenError, UnauthenticatedError
from patchbay.lib.metrics.exposition import CONTENT_TYPE, expose
from patchbay.lib.metrics.instruments import Gauge
from patchbay.lib.metrics.snapshots import read_all

PROCESSES = Gauge("patchbay_processes", "Server processes behind this address")
PROCESSES.watch(lambda: 1)


async def metrics(request: Request) -> None:
    """Answer in Prometheus's text format. UnauthenticatedError or ForbiddenError for who may not read them."""
    _require_may_read(request)
    body = await asyncio.to_thread(lambda: expose(read_all()))
    await respond(request, 200, body, content_type=CONTENT_TYPE)


def _require_may_read(request: Request) -> None:
    if settings.METRICS_TOKEN:
        if not secrets.compare_digest(request.bearer_token().encode(), settings.METRICS_TOKEN.encode()):
            raise UnauthenticatedError(
                "This is not the token of the metrics.", next_step="Send PATCHBAY_METRICS_TOKEN."
            )
    elif not _is_loopback(request.client_address):
        raise ForbiddenError(
            "Metrics are for this machine alone.", next_step="Set PATCHBAY_METRICS_TOKEN and send it as a bearer token."
        )


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
