from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "patchbay.kernel.ledger"
    label = "ledger"
