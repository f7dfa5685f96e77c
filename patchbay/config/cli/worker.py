"""`patchbay worker`: background jobs until SIGTERM, which finishes or hands back what runs."""

import argparse


def run(arguments: argparse.Namespace) -> int:
    from patchbay.config.cli.boot import boot

    boot()
    from patchbay.kernel.jobs import worker

    worker.run(concurrency=arguments.concurrency)
    return 0
