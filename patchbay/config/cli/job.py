"""`patchbay job`: background jobs that failed for good, and another chance for them."""

import argparse

from patchbay.config.cli.operator import print_json, print_table, run_as_operator


def run(arguments: argparse.Namespace) -> int:
    return run_as_operator(arguments, _ACTIONS[arguments.action])


def _list(arguments: argparse.Namespace) -> int:
    from patchbay.kernel.jobs import queries

    dead = queries.list_dead(name=arguments.name)
    if arguments.json:
        print_json(dead)
    elif dead:
        rows = [(job.id, job.name, f"{job.failed_at:%Y-%m-%d %H:%M:%S} UTC", job.attempts, job.reason) for job in dead]
        print_table(("ID", "JOB", "FAILED", "ATTEMPTS", "REASON"), rows)
        if not arguments.name and (older := queries.get_backlog().dead - len(dead)) > 0:
            print(f"and {older:,} older ones; `patchbay job retry --all` runs those again too.")
    else:
        print("No job has failed for good.")
    return 0


def _retry(arguments: argparse.Namespace) -> int:
    from django.db import transaction

    from patchbay.kernel.jobs import services
    from patchbay.lib.errors import InvalidError

    if bool(arguments.id) == arguments.all:
        raise InvalidError("Name the jobs to retry, or say --all.", next_step="`patchbay job list` shows them.")
    with transaction.atomic():  # a wrong id among several revives none
        for job_id in arguments.id:
            services.retry_dead(job_id)
        revived = services.retry_all_dead() if arguments.all else len(arguments.id)
    print(f"{revived:,} job{'' if revived == 1 else 's'} will run again, with all attempts.")
    return 0


_ACTIONS = {"list": _list, "retry": _retry}
