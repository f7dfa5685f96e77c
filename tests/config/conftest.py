"""The command line in this process."""

import io
import sys
from collections.abc import Callable

import pytest

from patchbay.config.cli import boot, main, migrate

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def patchbay(transactional_db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, on the test's database; returns status, output and complaints."""
    monkeypatch.setattr(boot, "boot", lambda: None)
    monkeypatch.setattr(migrate, "migrate", lambda verbosity: None)

    def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        status = main(words)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run
