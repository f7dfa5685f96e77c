"""What every test shares. A skipped test fails the run: what was not run is not known to work."""

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.core.cache import cache
from django.db.models.signals import post_migrate
from psycopg import sql

from tests import append_only
from tests.postgres import server_url

if TYPE_CHECKING:
    from patchbay.kernel.usage.runtime import Runtime

append_only.install()
post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
post_migrate.disconnect(create_contenttypes)
_skipped: list[str] = []


@pytest.fixture(autouse=True)
def _no_visitor_is_known() -> None:
    """What limits forms and sign-ins counts by address, and all tests have one."""
    cache.clear()


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[Callable[[], str]]:
    """Return the URL of a new, empty database at each call, whatever database the suite runs on."""
    numbers = itertools.count(1)
    with server_url() as url:

        def create() -> str:
            name = f"own_{next(numbers)}"
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            return urlsplit(url)._replace(path=f"/{name}").geturl()

        yield create


@pytest.fixture
def ledger_runtime(transactional_db: None) -> "Iterator[Runtime]":
    """This process's lease book and writer, on the test database; gone before its tables are emptied."""
    from patchbay.kernel.usage import runtime

    yield runtime.start()
    runtime.stop()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _skipped and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for nodeid in _skipped:
        terminalreporter.write_line(f"SKIPPED counts as failed: {nodeid}", red=True)
