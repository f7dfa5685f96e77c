"""A worker in a process of its own, on the test's database (named by PATCHBAY_TEST_CHILD_DATABASE)."""

import importlib
import os
import sys

import django
from django.conf import settings

if __name__ == "__main__":
    settings.DATABASES["default"]["NAME"] = os.environ["PATCHBAY_TEST_CHILD_DATABASE"]
    django.setup()
    importlib.import_module("tests.kernel.jobs.samples")
    from patchbay.kernel.jobs import worker

    worker.HOUSEKEEPING = 0.5
    worker.STUCK_AFTER = 0.5
    sys.exit(worker.run())
