"""`patchbay serve`: pages, API and hot path in one process, background jobs in a child that dies with it."""

import argparse
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import NoReturn

from patchbay.config.cli.boot import boot, set_up_alone
from patchbay.config.environment import SettingError

DRAIN_SECONDS = 20


def run(arguments: argparse.Namespace) -> int:
    boot()
    from django.conf import settings

    from patchbay.config.cli.migrate import migrate

    _require_free(settings.HOST, settings.PORT)
    with set_up_alone():
        migrate(verbosity=0)
        greeting = _demo_greeting() if arguments.demo else f"Patchbay is at {settings.BASE_URL}"

    import uvicorn

    from patchbay.config.asgi import make_application
    from patchbay.kernel.jobs.supervisor import Supervisor
    from patchbay.lib.sqlite import Checkpointer

    supervisor = None if arguments.no_worker else Supervisor()
    checkpointer = Checkpointer()
    try:
        if supervisor:
            supervisor.start()
        checkpointer.start()
        server = uvicorn.Server(
            uvicorn.Config(
                make_application(after_startup=_printer(greeting)),
                host=settings.HOST,
                port=settings.PORT,
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=DRAIN_SECONDS,
                timeout_keep_alive=75,
                lifespan="on",
            )
        )
        signal.signal(signal.SIGTERM, _leave)  # uvicorn raises it again when it is done: what is below must still run
        server.run()
        return 0 if server.started else 1
    finally:
        if supervisor:
            supervisor.stop()
        checkpointer.stop()


def _require_free(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on before anything is set up; uvicorn would say so last, in a log."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address, family=family).close()
    except OSError as error:
        raise SettingError(
            f"PATCHBAY_PORT: {host}:{port} cannot be listened on ({error.strerror}); choose another with --port"
        ) from None


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _demo_greeting() -> str:
    from patchbay.config.cli.demo import ensure_demo

    return ensure_demo().greeting()


def _printer(text: str) -> Callable[[], Awaitable[None]]:
    async def show() -> None:
        print(text, flush=True, file=sys.stdout)

    return show
