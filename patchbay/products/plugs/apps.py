from django.apps import AppConfig


class PlugsConfig(AppConfig):
    name = "patchbay.products.plugs"
    label = "plugs"
