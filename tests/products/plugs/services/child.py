"""A worker in a process of its own, on the test's database and files, that says where it is and stays there.

`python -m tests.products.plugs.services.child [POINT FILE]`: at POINT it writes FILE and waits to be killed.
"""

import dataclasses
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.conf import settings


def staying(file: str, before: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Return a function that does what `before` does, writes `file` and does not return."""

    def stay(*arguments: Any, **named: Any) -> None:
        if before:
            before(*arguments, **named)
        Path(file).touch()
        time.sleep(600)

    return stay


def stay_at(point: str, file: str) -> None:
    from patchbay.kernel.jobs import engine
    from patchbay.products.plugs.engine.reader.client import Reader
    from patchbay.products.plugs.services import indexing

    if point == "reading":
        Reader.read = staying(file, Reader.read)  # type: ignore[method-assign]
    elif point == "publishing":  # every row is written, nothing committed
        indexing._emit = staying(file, indexing._emit)
    elif point == "published":  # committed, but the job does not know yet
        engine.finish = staying(file)


if __name__ == "__main__":
    settings.DATABASES["default"]["NAME"] = os.environ["PATCHBAY_TEST_CHILD_DATABASE"]
    settings.STORAGES["default"] = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": os.environ["PATCHBAY_TEST_CHILD_FILES"]},
    }
    django.setup()
    from patchbay.kernel.jobs import registry, worker
    from patchbay.kernel.jobs.contracts import Backoff

    spec = registry.get_task("plugs.index_document")
    registry._tasks[spec.name] = dataclasses.replace(spec, backoff=Backoff(first=timedelta(0)))
    worker.HOUSEKEEPING = 0.5
    if sys.argv[1:]:
        stay_at(*sys.argv[1:])
    sys.exit(worker.run())
