"""`patchbay rotate-encryption`: a new key for what is kept encrypted. Servers that run take it up by themselves."""

import argparse
import json
from dataclasses import asdict

from patchbay.config.cli.operator import run_as_operator


def run(arguments: argparse.Namespace) -> int:
    return run_as_operator(arguments, _rotate)


def _rotate(arguments: argparse.Namespace) -> int:
    """Status 1 when something could not be read: its key is gone, and it has to be entered anew."""
    from patchbay.lib import crypto
    from patchbay.products.gateway.services.encryption import renew_secrets

    ring = crypto.keyring()
    fresh = ring.add() if ring.rotates_itself else None
    done = renew_secrets()
    if fresh is not None:  # only now: a rotation that breaks off is finished by the next one
        ring.forget_before(fresh)
    if arguments.json:
        print(json.dumps(asdict(done)))
        return 1 if done.lost else 0
    source = "a new key" if ring.rotates_itself else "the first key of PATCHBAY_ENCRYPTION_KEYS"
    print(f"{done.renewed} secrets are encrypted with {source}.")
    if done.lost:
        print(f"{done.lost} could not be read with any key: enter those providers' keys again.")
    return 1 if done.lost else 0
