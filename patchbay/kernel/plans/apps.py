from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class PlansConfig(AppConfig):
    name = "patchbay.kernel.plans"
    label = "plans"

    def ready(self) -> None:
        post_migrate.connect(_load_catalogue, sender=self)


def _load_catalogue(using: str, **_: Any) -> None:
    # After `migrate` and after a `flush` alike, so that no database is ever without its plans; `migrate` of other
    # packages alone may come before the tables.
    from patchbay.kernel.plans import models, services

    if models.PriceRate._meta.db_table in connections[using].introspection.table_names():
        services.load_catalogue()
