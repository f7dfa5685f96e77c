"""The `patchbay` command line. Nothing heavy is imported before a command needs it: `--help` answers at once."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from patchbay import __version__
from patchbay.config.cli.operator_parsers import add_operator_commands
from patchbay.config.environment import SettingError

MAX_CONCURRENCY = 64
MAX_WORKERS = 64

_EXAMPLES = """\
examples:
  patchbay serve --demo              start here: a demo organisation, its sign-in and a ready API key
  patchbay serve --port 9000         serve on another port
  patchbay demo --json               what scripts need: base_url, email, password, api_key
  patchbay provider add openai --kind openai --api-key-stdin
  patchbay model add gpt-4o --target openai/gpt-4o
  patchbay worker                    run background jobs on this machine
  patchbay doctor                    check the installation and every balance

settings are environment variables: PATCHBAY_DATA_DIR, PATCHBAY_PORT, PATCHBAY_DATABASE_URL, … (docs/settings.md)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 refused or unhealthy, 2 wrong usage)."""
    arguments = _parser().parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "patchbay.config.settings")
    _apply(arguments)
    command = importlib.import_module(f"patchbay.config.cli.{arguments.command.replace('-', '_')}")
    try:
        status: int = command.run(arguments)
    except KeyboardInterrupt:
        return 130
    except SettingError as error:
        print(f"patchbay {arguments.command}: {error} (docs/settings.md)", file=sys.stderr)
        return 1
    return status


def _apply(arguments: argparse.Namespace) -> None:
    """Flags stand above the environment; settings read the environment alone."""
    for flag, variable in (("data_dir", "PATCHBAY_DATA_DIR"), ("port", "PATCHBAY_PORT"), ("host", "PATCHBAY_HOST")):
        if (value := getattr(arguments, flag, None)) is not None:
            os.environ[variable] = str(value)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use a number from 1 to 65535")
    return int(text)


def _jobs_at_a_time(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= MAX_CONCURRENCY:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of jobs; use one from 1 to {MAX_CONCURRENCY}")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; use one from 1 to {MAX_WORKERS}")
    return int(text)


class _Parser(argparse.ArgumentParser):
    """Ends wrong usage with what to do next."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\nSee `{self.prog} --help` for what it takes, with examples.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="patchbay",
        description="Build, meter and sell AI products: cited experts, one metered model door, one credit ledger.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"patchbay {__version__}")
    common = _Parser(add_help=False)
    common.add_argument("--data-dir", metavar="DIR", help="where this instance keeps its data (PATCHBAY_DATA_DIR)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, does: str, *examples: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            parents=[common],
            help=does,
            description=f"{does[0].upper()}{does[1:]}.",
            epilog="\n  ".join(["examples:" if len(examples) > 1 else "example:", *examples]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    serve = add(
        "serve",
        "serve the pages and the API",
        "patchbay serve --demo",
        "patchbay serve --host 0.0.0.0 --port 9000 --workers 4",
    )
    gateway = add(
        "gateway",
        "serve the model doors alone, beside a `patchbay serve`",
        "patchbay gateway --port 9001 --workers 4",
    )
    for server in (serve, gateway):
        server.add_argument("--host", help="address to listen on (127.0.0.1)")
        server.add_argument("--port", type=_port, help="port to listen on (8000)")
        server.add_argument(
            "--workers",
            type=_workers,
            default=1,
            metavar="N",
            help="processes to serve with (1); more, and every gateway, need PATCHBAY_REDIS_URL",
        )
    serve.add_argument("--demo", action="store_true", help="make the demo organisation and print its sign-in and key")
    serve.add_argument("--no-worker", action="store_true", help="do not run background jobs beside the server")

    worker = add("worker", "run background jobs", "patchbay worker --concurrency 2")
    worker.add_argument("--concurrency", type=_jobs_at_a_time, default=1, metavar="JOBS", help="jobs at a time (1)")

    add(
        "migrate",
        "bring the database and the first-party plugs up to date",
        "patchbay migrate --data-dir /var/lib/patchbay",
    )
    demo = add("demo", "make the demo organisation and print its sign-in", "patchbay demo --json")
    demo.add_argument("--json", action="store_true", help="print one JSON object for scripts")
    demo.add_argument("--port", type=_port, help="port that base_url names (8000)")
    doctor = add("doctor", "check settings, database, jobs and every balance", "patchbay doctor --json")
    doctor.add_argument("--json", action="store_true", help="print one JSON object for scripts")
    openapi = add("openapi", "print the OpenAPI 3.1 document of /v1", "patchbay openapi --out openapi.json")
    openapi.add_argument("--out", metavar="FILE", help="write it to a file instead")
    add_operator_commands(commands, common)
    return parser
