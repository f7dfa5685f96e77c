"""The server of one process, and several of them under a parent that listens for them.

`python -m patchbay.config.cli.server` is such a child: it serves on the sockets that it inherits, tells the parent
when it can answer, and drains when the parent asks or is gone.
"""

import argparse
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Literal, NoReturn

from patchbay.config.environment import SettingError
from patchbay.lib.supervisor import Supervisor, watch_parent

DRAIN_SECONDS = 20
FLUSH_SECONDS = 12
"""What committing and returning leases may take after the last answer."""
Kind = Literal["serve", "gateway"]
Step = Callable[[], Awaitable[None]]


def require_free(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on before anything is set up; uvicorn would say so last, in a log."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address, family=family).close()
    except OSError as error:
        raise SettingError(
            f"PATCHBAY_PORT: {host}:{port} cannot be listened on ({error.strerror}); choose another with --port"
        ) from None


def require_shared(reason: str = "") -> None:
    """SettingError when Redis is set and does not answer or is too old, or when `reason` needs one and none is set."""
    from django.conf import settings

    if not settings.REDIS_URL:
        if reason:
            raise SettingError(
                f"PATCHBAY_REDIS_URL: {reason} needs a Redis to count requests together with the others; set it,"
                " for example to redis://localhost:6379/0"
            )
        return
    from patchbay.lib.shared import state

    if fault := state.redis_fault():
        raise SettingError(f"PATCHBAY_REDIS_URL: {fault}")


def serve_alone(kind: Kind, greeting: str) -> int:
    """Serve in this process until a signal; returns the exit status."""
    from django.conf import settings

    async def greet() -> None:
        print(greeting, flush=True)

    server = _Server(kind, greet)
    signal.signal(signal.SIGTERM, _leave)  # uvicorn raises it again when it is done: what is to be ended must end
    return server.run(settings.HOST, settings.PORT)


def serve_together(kind: Kind, workers: int, greeting: str) -> int:
    """Serve in `workers` children until a signal; then drain them all."""
    from django.conf import settings

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    board = settings.DATA_DIR / "metrics" / str(settings.PORT)
    shutil.rmtree(board, ignore_errors=True)
    board.mkdir(parents=True)
    sockets = [_listen(settings.HOST, settings.PORT) for _ in range(workers)]
    ready, tell_ready = os.pipe()
    children = [_child(kind, slot, mine, tell_ready, board) for slot, mine in enumerate(sockets)]
    threading.Thread(target=_greet_when, args=(ready, greeting), daemon=True).start()
    try:
        for child in children:
            child.start()
        stop.wait()
    finally:
        for listener in (each for mine in sockets for each in mine):
            listener.close()  # ours first: with the children's own, nobody is let in any more
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()
    return 0


def _listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets of one child. Each child has its own, so that the kernel spreads connections evenly.

    The parent keeps them too: what arrives at a dead child's waits there for the one that takes its place.
    """
    listeners = []
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listeners.append(listener)
    return listeners


def _child(kind: Kind, slot: int, sockets: Sequence[socket.socket], tell_ready: int, board: Path) -> Supervisor:
    descriptors = [listener.fileno() for listener in sockets]
    command = [sys.executable, "-m", "patchbay.config.cli.server", kind, "--slot", str(slot), "--board", str(board)]
    command += ["--ready", str(tell_ready), "--sockets", *map(str, descriptors)]
    return Supervisor(
        command, name=f"{kind} {slot}", stop_seconds=DRAIN_SECONDS + FLUSH_SECONDS, pass_fds=[tell_ready, *descriptors]
    )


def _greet_when(ready: int, greeting: str) -> None:
    os.read(ready, 1)
    print(greeting, flush=True)


class _Server:
    """uvicorn with our application, on an address or on sockets."""

    def __init__(self, kind: Kind, after_startup: Step) -> None:
        from patchbay.config import asgi
        from patchbay.config.cli.boot import keep_in_memory

        async def settled() -> None:
            await after_startup()
            keep_in_memory()

        make = asgi.make_gateway if kind == "gateway" else asgi.make_application
        self._application = make(after_startup=settled)

    def run(self, host: str = "", port: int = 0, sockets: list[socket.socket] | None = None) -> int:
        import uvicorn

        from patchbay.lib.asgi.protocol import RawProtocol

        self._server = uvicorn.Server(
            uvicorn.Config(
                self._application,
                host=host,
                port=port,
                http=RawProtocol,
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=DRAIN_SECONDS,
                timeout_keep_alive=75,
                lifespan="on",
            )
        )
        watch_parent(self._drain)
        self._server.run(sockets)
        return 0 if self._server.started else 1

    def _drain(self) -> None:
        self._server.should_exit = True


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def main() -> int:
    """Serve as a child of `serve_together`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("serve", "gateway"))
    parser.add_argument("--slot", required=True)
    parser.add_argument("--board", type=Path, required=True)
    parser.add_argument("--ready", type=int, required=True)
    parser.add_argument("--sockets", type=int, nargs="+", required=True)
    arguments = parser.parse_args()
    from patchbay.config.cli.boot import boot

    boot()
    from patchbay.lib.metrics import snapshots

    async def tell() -> None:
        snapshots.publish(arguments.board, arguments.slot)
        with suppress(OSError):
            os.write(arguments.ready, b".")
        os.close(arguments.ready)

    signal.signal(signal.SIGTERM, _leave)
    try:
        return _Server(arguments.kind, tell).run(sockets=[socket.socket(fileno=fd) for fd in arguments.sockets])
    finally:
        snapshots.withdraw()


if __name__ == "__main__":
    sys.exit(main())
