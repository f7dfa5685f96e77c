from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "patchbay.kernel.keys"
    label = "keys"
