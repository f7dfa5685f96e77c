"""What every test shares. A skipped test fails the run: what was not run is not known to work."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache

from tests import append_only
from tests.postgres import server_url

if TYPE_CHECKING:
    from patchbay.kernel.usage.runtime import Runtime

append_only.install()
_skipped: list[str] = []


@pytest.fixture(autouse=True)
def _no_visitor_is_known() -> None:
    """What limits forms and sign-ins counts by address, and all tests have one."""
    cache.clear()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this session's own, whatever database the suite runs on."""
    with server_url() as url:
        yield url


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
