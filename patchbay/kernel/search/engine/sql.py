"""Reading many rows by key: one parameter whatever their number, and no object for each."""

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection, models


def read(model: type[models.Model], columns: str, **wanted: Iterable[int]) -> list[tuple[Any, ...]]:
    """Return `columns` of the model's rows whose integer columns are each among those wanted."""
    postgresql = connection.vendor == "postgresql"
    test = "= ANY(%s)" if postgresql else "IN (SELECT value FROM json_each(%s))"
    where = " AND ".join(f"{column} {test}" for column in wanted)
    values = [list(some) if postgresql else json.dumps(list(some)) for some in wanted.values()]
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        cursor.execute(f"SELECT {columns} FROM {table} WHERE {where}", values)  # noqa: S608 - names are our code's
        return list(cursor.fetchall())
