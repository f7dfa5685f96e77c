"""Settings of the test suite: the product's own, on a throw-away data folder and a cheap password hash.

`PATCHBAY_TEST_DATABASE_URL` runs the same tests on PostgreSQL.
"""

import atexit
import os
import shutil
import tempfile

if "PATCHBAY_DATA_DIR" not in os.environ:
    _folder = tempfile.mkdtemp(prefix="patchbay-test-")
    os.environ["PATCHBAY_DATA_DIR"] = _folder
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)
if url := os.environ.get("PATCHBAY_TEST_DATABASE_URL"):
    os.environ["PATCHBAY_DATABASE_URL"] = url

from patchbay.config.settings import *  # noqa: F403
from patchbay.config.settings import DATA_DIR, DATABASES

# Each of several test processes has an epoch of its own: another's changes would empty the caches that a test fills.
EPOCH_FILE = DATA_DIR / f"epoch-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"

if "sqlite" in DATABASES["default"]["ENGINE"]:
    # A file, not memory: threads and processes of a test must see one database, as they do in the product.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["OPTIONS"].pop("pool", None)  # a pool would outlive the test database

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405
WHITENOISE_USE_FINDERS = True  # the sources, not what `make assets` built of them some time ago
