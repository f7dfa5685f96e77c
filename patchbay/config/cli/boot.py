"""Start Django for a command, with logging set up first."""

import django
from django.conf import settings


def boot() -> None:
    """Load the apps; safe to call twice."""
    from patchbay.config.logging import configure

    configure()
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    django.setup()
