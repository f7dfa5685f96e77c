from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "patchbay.kernel.accounts"
    label = "accounts"

    def ready(self) -> None:
        from patchbay.kernel.accounts import tasks  # noqa: F401 - registers them
