"""The `patchbay` command line. Nothing heavy is imported before a command needs it: `--help` answers at once."""

import argparse
import importlib
import os
from collections.abc import Sequence

from patchbay import __version__

_EXAMPLES = """\
examples:
  patchbay serve --demo              start here: a demo organisation, its sign-in and a ready API key
  patchbay serve --port 9000         serve on another port
  patchbay demo --json               what scripts need: base_url, email, password, api_key
  patchbay worker                    run background jobs on this machine
  patchbay doctor                    check the installation and every balance

settings are environment variables: PATCHBAY_DATA_DIR, PATCHBAY_PORT, PATCHBAY_DATABASE_URL, … (docs/settings.md)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 refused or unhealthy, 2 wrong usage)."""
    arguments = _parser().parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "patchbay.config.settings")
    _apply(arguments)
    command = importlib.import_module(f"patchbay.config.cli.{arguments.command}")
    try:
        status: int = command.run(arguments)
    except KeyboardInterrupt:
        return 130
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="patchbay",
        description="Build, meter and sell AI products: cited experts, one metered model door, one credit ledger.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"patchbay {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data-dir", metavar="DIR", help="where this instance keeps its data (PATCHBAY_DATA_DIR)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", parents=[common], help="serve the pages and the API")
    serve.add_argument("--host", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=_port, help="port to listen on (8000)")
    serve.add_argument("--demo", action="store_true", help="make the demo organisation and print its sign-in and key")
    serve.add_argument("--no-worker", action="store_true", help="do not run background jobs beside the server")

    worker = commands.add_parser("worker", parents=[common], help="run background jobs")
    worker.add_argument("--concurrency", type=int, default=1, help="jobs at a time (1)")

    commands.add_parser("migrate", parents=[common], help="bring the database and the first-party plugs up to date")
    demo = commands.add_parser("demo", parents=[common], help="make the demo organisation and print its sign-in")
    demo.add_argument("--json", action="store_true", help="print one JSON object for scripts")
    demo.add_argument("--port", type=_port, help="port that base_url names (8000)")
    doctor = commands.add_parser("doctor", parents=[common], help="check settings, database, jobs and every balance")
    doctor.add_argument("--json", action="store_true", help="print one JSON object for scripts")
    openapi = commands.add_parser("openapi", parents=[common], help="print the OpenAPI 3.1 document of /v1")
    openapi.add_argument("--out", metavar="FILE", help="write it to a file instead")
    return parser
