"""The one ASGI application: raw routes for the hot path, Django for everything else, one lifespan for both."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import cast

import django
from django.core.asgi import get_asgi_application

from patchbay.lib.asgi.limits import BodyLimit
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.lib.asgi.types import ASGIApp

FORM_BYTES = 1024 * 1024
"""What a form may hold beside the file it uploads."""

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "patchbay.config.settings")


def make_application(*, after_startup: Callable[[], Awaitable[None]] | None = None) -> Dispatcher:
    """Build the application; `after_startup` is called once it can answer."""
    django.setup(set_prefix=False)
    from patchbay.kernel.keys import services as keys
    from patchbay.kernel.usage import runtime
    from patchbay.products.plugs.contracts import MAX_UPLOAD_BYTES
    from patchbay.site.routes import RAW_ROUTES
    from patchbay.web.errors import respond_error

    async def start() -> None:
        await asyncio.to_thread(runtime.start)

    async def stop() -> None:
        await asyncio.to_thread(keys.flush_last_use)
        await asyncio.to_thread(runtime.stop)

    return Dispatcher(
        RAW_ROUTES,
        BodyLimit(cast(ASGIApp, get_asgi_application()), MAX_UPLOAD_BYTES + FORM_BYTES, respond=respond_error),
        startup=[start, *([after_startup] if after_startup else [])],
        shutdown=[stop],
    )


def __getattr__(name: str) -> Dispatcher:
    """`uvicorn patchbay.config.asgi:application` builds it on first use; `patchbay serve` builds its own."""
    if name == "application":
        return make_application()
    raise AttributeError(name)
