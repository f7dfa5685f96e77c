"""`patchbay migrate`: schema, then the data that ships with the product (plans, prices, first-party plugs)."""

import argparse


def run(arguments: argparse.Namespace) -> int:
    from patchbay.config.cli.boot import boot, set_up_alone

    boot()
    with set_up_alone():
        migrate(verbosity=1)
    return 0


def migrate(*, verbosity: int) -> None:
    """Apply migrations and install what ships with this version; does nothing when there is nothing to do."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=verbosity, interactive=False)

    from patchbay.products.plugs import services as plugs

    plugs.install_first_party()
