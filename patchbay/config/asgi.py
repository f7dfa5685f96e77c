"""The one ASGI application: raw routes for the hot path, Django for everything else, one lifespan for both."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import django
from django.conf import settings
from django.core.asgi import get_asgi_application

from patchbay.lib.asgi.limits import BodyLimit
from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import respond_problem
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.lib.asgi.types import ASGIApp, Receive, Scope, Send
from patchbay.lib.errors import NotFoundError, UnavailableError

FORM_BYTES = 1024 * 1024
"""What a form may hold beside the file it uploads."""

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "patchbay.config.settings")
Step = Callable[[], Awaitable[None]]


def make_application(*, after_startup: Step | None = None) -> Dispatcher:
    """Build the whole application; `after_startup` is called once it can answer."""
    django.setup(set_prefix=False)
    from patchbay.products.plugs.contracts import MAX_UPLOAD_BYTES
    from patchbay.site.routes import RAW_ROUTES
    from patchbay.web.errors import respond_error

    pages = BodyLimit(cast(ASGIApp, get_asgi_application()), MAX_UPLOAD_BYTES + FORM_BYTES, respond=respond_error)
    startup, shutdown = _lifespan(after_startup)
    return Dispatcher(RAW_ROUTES, pages, startup=startup, shutdown=shutdown)


def make_gateway(*, after_startup: Step | None = None) -> Dispatcher:
    """Build the doors for keys alone: no pages, no sessions, no Django request handling in memory."""
    django.setup(set_prefix=False)
    from patchbay.site.routes import RAW_ROUTES

    startup, shutdown = _lifespan(after_startup)
    routes = [route for route in RAW_ROUTES if route.permission != "session"]
    return Dispatcher(routes, _not_here, startup=startup, shutdown=shutdown)


def _lifespan(after_startup: Step | None) -> tuple[list[Step], list[Step]]:
    """What a process that serves starts before its first request, and ends after its last."""
    from patchbay.kernel.keys import services as keys
    from patchbay.kernel.usage import runtime
    from patchbay.lib.shared import state
    from patchbay.products.gateway.engine.failures import REFUSALS

    follower = state.make_follower()

    async def start() -> None:
        await asyncio.to_thread(runtime.start)
        if follower is not None:
            follower.start()
            with suppress(UnavailableError):  # the first request need not wait for the connection
                await state.link().ready()

    async def stop() -> None:
        REFUSALS.flush()
        await asyncio.to_thread(keys.flush_last_use)
        await asyncio.to_thread(runtime.stop)
        if follower is not None:
            await asyncio.to_thread(follower.stop)
            await state.link().close()

    return [start, *([after_startup] if after_startup else [])], [stop]


async def _not_here(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1008})
        return
    request = Request.from_scope(scope, receive, send, {})
    request.answer_headers = []  # the dispatcher adds the request's id
    problem = NotFoundError(
        f"This gateway has nothing at {request.path}.", next_step=f"Pages and the rest of the API are at {_base_url()}."
    )
    await respond_problem(request, problem)


def _base_url() -> str:
    return str(settings.BASE_URL)


def __getattr__(name: str) -> Dispatcher:
    """`uvicorn patchbay.config.asgi:application` builds it on first use; `patchbay serve` builds its own."""
    if name == "application":
        return make_application()
    raise AttributeError(name)
