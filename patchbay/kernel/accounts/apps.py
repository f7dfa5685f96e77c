from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "patchbay.kernel.accounts"
    label = "accounts"
