"""Start Django for a command, with logging set up first."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.conf import settings


def boot() -> None:
    """Load the apps; safe to call twice."""
    from patchbay.config.logging import configure

    configure()
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    django.setup()


@contextmanager
def set_up_alone() -> Iterator[None]:
    """Let one process at a time migrate and make the demo: `serve` and a script's `demo` may start together."""
    with (settings.DATA_DIR / "set-up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
