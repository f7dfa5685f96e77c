"""The command line explains itself at once, and refuses what it cannot do."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from patchbay.config.cli import _parser, main
from patchbay.config.cli.server import require_free
from patchbay.config.environment import SettingError


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


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--port", "0"],
        ["serve", "--port", "x"],
        ["worker", "--concurrency", "0"],
        ["serve", "--workers", "0"],
        ["nonsense"],
        [],
    ],
)
def test_wrong_usage_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "usage:" in said
    assert "--help` for what it takes" in said


def test_an_address_that_is_taken_is_refused_before_anything_is_set_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingError, match=f"127.0.0.1:{port} cannot be listened on .* choose another"):
            require_free("127.0.0.1", port)
    require_free("127.0.0.1", port)


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "gateway",
        "worker",
        "migrate",
        "demo",
        "doctor",
        "openapi",
        "provider",
        "model",
        "price",
        "rotate-encryption",
    ],
)
def test_every_commands_help_says_what_it_does_with_an_example_that_is_right(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    examples = [line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.startswith("  patchbay ")]
    assert examples
    for example in examples:
        assert _parser().parse_args(example).command == command


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["doctor"], {"PATCHBAY_PORT": "http"}, "PATCHBAY_PORT: 'http' is not a number from 1 to 65,535"),
        (["doctor", "--data-dir", "/dev/null/x"], {}, "choose a folder of your own with --data-dir"),
        (["serve", "--workers", "2"], {}, "PATCHBAY_REDIS_URL: --workers 2 needs a Redis"),
        (["serve", "--workers", "2"], {"PATCHBAY_REDIS_URL": "unix:///none"}, "Redis does not answer there; start it"),
        (
            ["serve"],
            {"PATCHBAY_REDIS_URL": "localhost:6379"},
            "PATCHBAY_REDIS_URL: 'localhost' is no address of a Redis",
        ),
        (["gateway"], {}, "PATCHBAY_REDIS_URL: a gateway needs a Redis"),
        (["migrate"], {"PATCHBAY_DATABASE_URL": "sqlite:////dev/null/x"}, "the database does not answer"),
        (["openapi", "--out", "/dev/null/x"], {}, "name a file that can be written"),
    ],
)
def test_what_cannot_be_used_is_named_without_a_trace(
    arguments: list[str], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "patchbay.config.cli", *arguments],
        env={**os.environ, "PATCHBAY_DATA_DIR": str(tmp_path), "PATCHBAY_DATABASE_URL": "", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
