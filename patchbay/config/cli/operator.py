"""What the operator's commands share: who acts, for whom, and how a refusal is said."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from patchbay.lib.actor import Actor
    from patchbay.lib.errors import AppError


def run_as_operator(arguments: argparse.Namespace, action: Callable[[argparse.Namespace], int]) -> int:
    """Start Django, bring the database up to date, run; an AppError becomes its message and status 1."""
    from patchbay.config.cli.boot import boot, set_up_alone
    from patchbay.config.cli.migrate import migrate

    boot()
    from patchbay.lib.errors import AppError

    with set_up_alone():
        migrate(verbosity=0)
    try:
        return action(arguments)
    except AppError as error:
        print(f"patchbay {arguments.command}: {_spoken(error)}", file=sys.stderr)
        return 1


def scope_of(arguments: argparse.Namespace) -> "tuple[Actor, str | None]":
    """Return who acts, and whose things they are: an organisation's (`--organisation`), or the platform's (None)."""
    from patchbay.kernel.accounts import queries as account_queries
    from patchbay.kernel.accounts import services as accounts
    from patchbay.lib.actor import Actor

    wanted: str | None = getattr(arguments, "organisation", None)
    if wanted is None:
        home, owner = accounts.ensure_platform_organisation().pk, None
    else:
        home = owner = account_queries.find_organisation(wanted).pk
    actor = Actor(kind="system", organisation_id=home, role="owner", name="Command line", is_staff=True)
    return actor, owner


def read_secret() -> str:
    """Read one line from standard input, without showing it when somebody types."""
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass("API key: ")
    return sys.stdin.read()


def print_json(views: Sequence[Any]) -> None:
    """Print shown things as a JSON list."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(views), indent=2).decode())


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print lines in columns as wide as what stands in them."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _spoken(error: "AppError") -> str:
    faults = [f"\n  {fault.field}: {fault.message}" for fault in error.fields if fault.message != error.message]
    advice = f"\n{error.next_step}" if error.next_step else ""
    return f"{error.message}{''.join(faults)}{advice}"
