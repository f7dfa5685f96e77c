"""`patchbay serve`: pages, API and hot path in one process or several, background jobs in a child that dies with it."""

import argparse

from patchbay.config.cli.boot import boot, set_up_alone


def run(arguments: argparse.Namespace) -> int:
    boot()
    from django.conf import settings

    from patchbay.config.cli.migrate import migrate
    from patchbay.config.cli.server import require_free, require_shared, serve_alone, serve_together

    require_free(settings.HOST, settings.PORT)
    require_shared(f"--workers {arguments.workers}" if arguments.workers > 1 else "")
    with set_up_alone():
        migrate(verbosity=0)
        greeting = _demo_greeting() if arguments.demo else f"Patchbay is at {settings.BASE_URL}"

    from patchbay.kernel.jobs.supervisor import Supervisor
    from patchbay.lib.sqlite import Checkpointer

    supervisor = None if arguments.no_worker else Supervisor()
    checkpointer = Checkpointer()
    try:
        if supervisor:
            supervisor.start()
        checkpointer.start()
        if arguments.workers > 1:
            return serve_together("serve", arguments.workers, greeting)
        return serve_alone("serve", greeting)
    finally:
        if supervisor:
            supervisor.stop()
        checkpointer.stop()


def _demo_greeting() -> str:
    from patchbay.config.cli.demo import ensure_demo

    return ensure_demo().greeting()
