"""What every test shares. A skipped test fails the run: what was not run is not known to work."""

from typing import Any

import pytest

from tests import append_only

append_only.install()
_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _skipped and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for nodeid in _skipped:
        terminalreporter.write_line(f"SKIPPED counts as failed: {nodeid}", red=True)
