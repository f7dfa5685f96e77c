"""`patchbay gateway`: the doors for keys alone, beside a `patchbay serve` on this machine or another."""

import argparse

from patchbay.config.cli.boot import boot
from patchbay.config.environment import SettingError


def run(arguments: argparse.Namespace) -> int:
    boot()
    from django.conf import settings

    from patchbay.config.cli.server import require_free, require_shared, serve_alone, serve_together
    from patchbay.lib.sqlite import Checkpointer

    require_free(settings.HOST, settings.PORT)
    require_shared("a gateway")
    _require_schema()
    checkpointer = Checkpointer()  # stands by while the server's leads
    checkpointer.start()
    greeting = f"Patchbay's gateway listens on {settings.HOST}:{settings.PORT}"
    try:
        if arguments.workers > 1:
            return serve_together("gateway", arguments.workers, greeting)
        return serve_alone("gateway", greeting)
    finally:
        checkpointer.stop()


def _require_schema() -> None:
    """SettingError unless the database is there and as this version needs it: a gateway does not change it."""
    from django.db import OperationalError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        raise SettingError(
            f"PATCHBAY_DATABASE_URL: the database does not answer ({error}); start it, or correct the address"
        ) from None
    finally:
        connection.close()
    if waiting:
        raise SettingError(
            f"PATCHBAY_DATABASE_URL: {len(waiting)} migrations are not applied; run `patchbay migrate` or start"
            " `patchbay serve` first"
        )
