"""`patchbay worker`: background jobs until SIGTERM, which finishes or hands back what runs."""

import argparse


def run(arguments: argparse.Namespace) -> int:
    from patchbay.config.cli.boot import boot, keep_in_memory

    boot()
    from patchbay.kernel.jobs import worker
    from patchbay.lib.shared import state
    from patchbay.lib.sqlite import Checkpointer

    checkpointer = Checkpointer()  # stands by while the server's leads
    checkpointer.start()
    if follower := state.make_follower():
        follower.start()
    keep_in_memory()
    try:
        return worker.run(concurrency=arguments.concurrency)
    finally:
        if follower:
            follower.stop()
        checkpointer.stop()
