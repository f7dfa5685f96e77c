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
    else:
        print("No job has failed for good.")
    return 0


def _retry(arguments: argparse.Namespace) -> int:
    from patchbay.kernel.jobs import queries, services
    from patchbay.lib.errors import InvalidError

    if bool(arguments.id) == arguments.all:
        raise InvalidError("Name the jobs to retry, or say --all.", next_step="`patchbay job list` shows them.")
    ids = arguments.id or [job.id for job in queries.list_dead()]
    for job_id in ids:
        services.retry_dead(job_id)
    print(f"{len(ids)} job{'' if len(ids) == 1 else 's'} will run again, with all attempts.")
    return 0


_ACTIONS = {"list": _list, "retry": _retry}
