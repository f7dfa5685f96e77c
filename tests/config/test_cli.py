"""The command line explains itself at once, and refuses what it cannot do."""

import subprocess
import sys

import pytest

from patchbay.config.cli import main


def test_help_needs_neither_django_nor_numpy() -> None:
    code = (
        "import sys; from patchbay.config import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'django', 'numpy', 'structlog', 'uvicorn'} & set(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "examples:" in output
    assert output.splitlines()[-1] == "set()"


@pytest.mark.parametrize("arguments", [["serve", "--port", "0"], ["serve", "--port", "x"], ["nonsense"], []])
def test_wrong_usage_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
