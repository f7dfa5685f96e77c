from django.apps import AppConfig


class PlugsConfig(AppConfig):
    name = "patchbay.products.plugs"
    label = "plugs"

    def ready(self) -> None:
        from patchbay.kernel.keys import services as keys
        from patchbay.products.plugs import tasks  # noqa: F401 (registers the tasks)
        from patchbay.products.plugs.key_scopes import PlugsOfOrganisation

        keys.register_plug_scopes(PlugsOfOrganisation())
