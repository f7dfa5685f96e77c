"""`patchbay demo`: an organisation to try things with, and what scripts need to reach it.

The password and the key are derived from the instance's own secret: nothing readable is stored, and every call
prints the same ones.
"""

import argparse
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patchbay.lib.actor import Actor

EMAIL = "demo@patchbay.example"
COMPANY = "Larkfield Group"
NAME = "Mara Lindqvist"
KEY_NAME = "Demo key"


@dataclass(frozen=True, slots=True)
class Demo:
    base_url: str
    email: str
    password: str
    api_key: str

    def greeting(self) -> str:
        return f"""
  Patchbay is at    {self.base_url}
  sign in with      {self.email}
  password          {self.password}
  API key           {self.api_key}

  try it            curl {self.base_url}/v1/chat -H "Authorization: Bearer {self.api_key}" \\
                      -H "Content-Type: application/json" \\
                      -d '{{"plugin_id": "legal-v1", "message": "What is the interest rate on late payment?"}}'
"""


def run(arguments: argparse.Namespace) -> int:
    from patchbay.config.cli.boot import boot, set_up_alone
    from patchbay.config.cli.migrate import migrate

    boot()
    with set_up_alone():
        migrate(verbosity=0)
        demo = ensure_demo()
    print(json.dumps(asdict(demo)) if arguments.json else demo.greeting())
    return 0


def ensure_demo() -> Demo:
    """Make the demo organisation, its owner and its key where they are missing; change nothing that is there."""
    from django.conf import settings

    from patchbay.kernel.accounts import queries as account_queries
    from patchbay.kernel.accounts import services as accounts

    password = f"{_derived('password')[:4]}-{_derived('password')[4:8]}-{_derived('password')[8:12]}"
    membership = account_queries.find_membership_by_email(EMAIL)
    if membership is None:
        membership = accounts.register(email=EMAIL, password=password, company=COMPANY, name=NAME)
    actor = account_queries.get_actor(membership.user, membership.organisation_id)
    return Demo(settings.BASE_URL, EMAIL, password, _ensure_key(actor))


def _ensure_key(actor: "Actor") -> str:
    """Return the demo key's secret; one that was revoked is followed by another."""
    from patchbay.kernel.keys import queries as key_queries
    from patchbay.kernel.keys import services as keys

    made = [key for key in key_queries.list_keys(actor.organisation_id) if key.name == KEY_NAME]
    revoked = sum(key.revoked_at is not None for key in made)
    secret = f"sme_live_{_derived(f'key {revoked}')[:32]}"
    if revoked == len(made):
        keys.create_key(actor=actor, name=KEY_NAME, secret=secret)
    return secret


def _derived(what: str) -> str:
    from django.conf import settings

    return hmac.new(settings.SECRET_KEY.encode(), f"demo {what}".encode(), hashlib.sha256).hexdigest()
