from django.apps import AppConfig


class PlugsConfig(AppConfig):
    name = "patchbay.products.plugs"
    label = "plugs"

    def ready(self) -> None:
        from patchbay.products.plugs import tasks  # noqa: F401 (registers the tasks)
