"""Settings of the test suite: the product's own, on a throw-away data folder and a cheap password hash.

`PATCHBAY_TEST_DATABASE_URL` runs the same tests on PostgreSQL.
"""

import os
import tempfile

os.environ.setdefault("PATCHBAY_DATA_DIR", tempfile.mkdtemp(prefix="patchbay-test-"))
if url := os.environ.get("PATCHBAY_TEST_DATABASE_URL"):
    os.environ["PATCHBAY_DATABASE_URL"] = url

from patchbay.config.settings import *  # noqa: F403
from patchbay.config.settings import DATA_DIR, DATABASES

if "sqlite" in DATABASES["default"]["ENGINE"]:
    # A file, not memory: threads and processes of a test must see one database, as they do in the product.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["OPTIONS"].pop("pool", None)  # a pool would outlive the test database

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
