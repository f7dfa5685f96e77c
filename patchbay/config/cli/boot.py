"""Start Django for a command, with logging set up first."""

import fcntl
import gc
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.conf import settings

from patchbay.config.environment import SettingError, make_data_dir


def boot() -> None:
    """Load the apps; safe to call twice."""
    from patchbay.config.logging import configure

    configure()
    make_data_dir(settings.DATA_DIR)
    django.setup()


def keep_in_memory() -> None:
    """Take what a process that serves has made so far out of the search for garbage; once it is ready for work.

    It stays as long as the process does, and looking through it took a tenth of a second each time.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def set_up_alone() -> Iterator[None]:
    """Let one process at a time migrate and make the demo: `serve` and a script's `demo` may start together.

    SettingError when the database does not answer.
    """
    from django.db import OperationalError, connection

    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise SettingError(
            f"PATCHBAY_DATABASE_URL: the database does not answer ({error}); start it, or correct the address"
        ) from None
    with (settings.DATA_DIR / "set-up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
