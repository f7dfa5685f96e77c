"""What every test shares. A skipped test fails the run: what was not run is not known to work."""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import hypothesis
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
# No test is timed, and a busy machine is no fault of the product.
hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)
hypothesis.settings.load_profile("suite")
# Nobody asks for Django's permissions: they need not be made anew after each test that empties the tables.
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


# The modules that take longest, first: workers take modules in this order, and the last one is what all wait for.
LONGEST = (
    "tests/e2e/api/test_contract.py",
    "tests/e2e/api/test_kill.py",
    "tests/clients/models/test_node.py",
    "tests/e2e/processes/",
    "tests/e2e/",
    "tests/clients/models/",
    "tests/kernel/usage/",
    "tests/kernel/jobs/",
    "tests/products/plugs/",
)
_DATABASE = {"db", "transactional_db"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((at for at, path in enumerate(LONGEST) if item.nodeid.startswith(path)), 99))
    if "PATCHBAY_TEST_DATABASE_URL" in os.environ:
        _keep_those_of_the_database(config, items)


def _keep_those_of_the_database(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is the same on every database, and what brings both databases itself: it ran on SQLite."""
    config.hook.pytest_deselected(items=[item for item in items if not _asks_the_database(item)])
    items[:] = [item for item in items if _asks_the_database(item)]


def _asks_the_database(item: pytest.Item) -> bool:
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return item.get_closest_marker("django_db") is not None or bool(_DATABASE & set(fixtures))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _skipped and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for nodeid in _skipped:
        terminalreporter.write_line(f"SKIPPED counts as failed: {nodeid}", red=True)
