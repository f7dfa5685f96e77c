"""Another server process, for tests: it imports Django only once it runs, with the test's own database."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any


def _serve(pipe: Connection, database: dict[str, Any]) -> None:
    """Answer for each secret whether it is in memory, then whether it is let in; an empty one ends.

    For "reach" and a secret, answer whether it reaches what only owners do; for an actor and a key's id, revoke that
    key.
    """
    import django
    from django.conf import settings

    settings.DATABASES["default"].update(database)
    django.setup()
    from patchbay.kernel.keys import services as keys
    from patchbay.lib.errors import UnauthenticatedError

    while secret := pipe.recv():
        if isinstance(secret, tuple) and secret[0] == "reach":
            pipe.send(keys.authenticate(secret[1]).may_read_audit)
            continue
        if isinstance(secret, tuple):
            keys.revoke_key(actor=secret[0], key_id=secret[1])
            pipe.send("revoked")
            continue
        cached = keys.find_cached(secret) is not None
        try:
            keys.authenticate(secret)
            pipe.send((cached, True))
        except UnauthenticatedError:
            pipe.send((cached, False))


@contextmanager
def started(database: dict[str, Any]) -> Iterator[Connection]:
    """Run the process with settings of the default database replaced; its environment is this process's."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, database), daemon=True)
    process.start()
    try:
        yield ours
        ours.send("")
        process.join(30)
    finally:
        process.kill()
