from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "patchbay.kernel.ledger"
    label = "ledger"

    def ready(self) -> None:
        from patchbay.kernel.ledger import tasks  # noqa: F401  registers tasks and schedules
