"""Patchbay's side of the measure: `patchbay serve` on SQLite as anyone starts it, with everything on.

Every call's key is checked, rates are limited, the worst case is held from a lease, and the answer leaves once its
charge and record are durable. Only data is set: organisations with credits, and a plan whose rate never refuses.
"""

import subprocess
import sys
from pathlib import Path

from benchmarks.gateway.sides import Side
from benchmarks.gateway.wire import MODEL
from benchmarks.harness.instance import Instance

_MAKE_ORGANISATIONS = """
from django.db import transaction
from patchbay.kernel.accounts.models import Organisation
from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.keys import token
from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.plans import services as plans

plans.change_plan(plan_code="free", requests_per_minute=2_000_000_000)
with transaction.atomic():
    rows = [Organisation(name=f"Bench {{n}}", slug=f"bench-{{n}}") for n in range({count})]
    Organisation.objects.bulk_create(rows, batch_size=1000)
    secrets = [token.new_token("live") for _ in rows]
    ApiKey.objects.bulk_create(
        [
            ApiKey(organisation_id=row.id, name="bench", permission="full", environment="live", created_by="bench",
                   prefix=secret[: token.PREFIX_LENGTH], digest=token.digest(secret))
            for row, secret in zip(rows, secrets, strict=True)
        ],
        batch_size=1000,
    )
    for row in rows:
        ledger.grant(organisation_id=row.id, amount_micro={credits} * 1_000_000, kind="purchase",
                     idempotency_key="bench")
print(json.dumps(secrets))
"""


def prepare(instance: Instance, upstream_port: int, *, organisations: int, credits: int = 1_000_000_000) -> list[str]:
    """Set up a fresh instance before the upstream; returns one API key of each organisation."""
    instance.run("migrate")
    add_provider(instance, "upstream", upstream_port)
    instance.run("model", "add", MODEL, "--target", f"upstream/{MODEL}")
    keys: list[str] = instance.python(_MAKE_ORGANISATIONS.format(count=organisations, credits=credits))
    return keys


def add_provider(instance: Instance, name: str, port: int, *, api_key: str = "sk-upstream") -> None:
    command = [sys.executable, "-m", "patchbay.config.cli", "provider", "add", name, "--kind", "openai"]
    command += ["--base-url", f"http://127.0.0.1:{port}/v1", "--api-key-stdin"]
    subprocess.run(
        command, env=instance.environment, input=api_key, check=True, capture_output=True, text=True, timeout=300
    )


def start_patchbay(name: str, folder: Path, upstream: Side, *, organisations: int) -> tuple[Instance, Side, Path]:
    """Start an instance; returns it, its side with the first key, and a file of all keys."""
    from patchbay import __version__

    data = folder / name
    data.mkdir()
    instance = Instance(data_dir=data)
    keys = prepare(instance, upstream.port, organisations=organisations)
    keys_file = folder / f"{name}.keys"
    keys_file.write_text("\n".join(keys))
    instance.start()
    headers = {"authorization": f"Bearer {keys[0]}"}
    return instance, Side(name, __version__, instance.pid, instance.port, headers=headers), keys_file
