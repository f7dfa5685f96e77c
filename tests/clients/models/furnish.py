"""Sets a served Patchbay up for the clients, as its operator does; `python -m tests.clients.models.furnish ORIGIN`.

The vendors become its providers and their models its models, under the same names, by the commands of the guide. It
prints the keys that the tests use, as JSON.
"""

import contextlib
import io
import json
import sys

from patchbay.config import cli
from tests.clients.models.vendors import MODELS, Vendor
from tests.fakes.vendors.checks import ANTHROPIC_KEY, OPENAI_KEY

PROVIDERS: dict[Vendor, tuple[str, str]] = {
    "openai": ("/openai/v1", OPENAI_KEY),
    "anthropic": ("/anthropic", ANTHROPIC_KEY),
}


def main(origin: str) -> None:
    import django

    with contextlib.redirect_stdout(sys.stderr):
        for vendor, (path, key) in PROVIDERS.items():
            sys.stdin = io.StringIO(key)
            _patchbay("provider", "add", vendor, "--kind", vendor, "--base-url", origin + path, "--api-key-stdin")
            for model in MODELS[vendor]:
                _patchbay("model", "add", model, "--target", f"{vendor}/{model}", "--max-output-tokens", "4096")
        django.setup()
        keys = _keys()
    sys.stdout.write(json.dumps(keys))


def _patchbay(*arguments: str) -> None:
    if status := cli.main(arguments):
        sys.exit(status)


def _keys() -> dict[str, str]:
    """Make organisations and return their keys: of one that may do all, and of those that may not."""
    from patchbay.config.cli.demo import ensure_demo
    from patchbay.kernel.accounts import queries as accounts
    from patchbay.kernel.keys import services as keys
    from patchbay.kernel.ledger import queries as ledger
    from patchbay.kernel.ledger import services as ledger_services
    from patchbay.kernel.plans import services as plans
    from patchbay.lib.money import MICRO
    from patchbay.products.gateway import services as gateway
    from tests import factories

    demo = ensure_demo()
    member = accounts.find_membership_by_email(demo.email)
    assert member is not None
    plans.assign_plan(organisation_id=member.organisation_id, plan_code="enterprise")
    ledger_services.grant(
        organisation_id=member.organisation_id, amount_micro=10**7 * MICRO, kind="purchase", idempotency_key="tests"
    )
    poor = factories.owner()
    balance = ledger.get_balance(poor.organisation_id).available_micro
    ledger_services.clawback(organisation_id=poor.organisation_id, amount_micro=balance, idempotency_key="tests")
    strict = factories.owner()
    gateway.set_rules(actor=strict, allowed_models=["gpt"])
    return {
        "full": demo.api_key,
        "poor": factories.key(poor).secret,
        "strict": factories.key(strict).secret,
        "slow": keys.create_key(actor=strict, name="Slow", requests_per_minute=60).secret,
    }


if __name__ == "__main__":
    main(sys.argv[1])
