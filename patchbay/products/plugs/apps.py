from django.apps import AppConfig


class PlugsConfig(AppConfig):
    name = "patchbay.products.plugs"
    label = "plugs"

    def ready(self) -> None:
        from patchbay.kernel.keys import services as keys
        from patchbay.products.gateway.contracts import PLUG_PREFIX
        from patchbay.products.gateway.engine import registry
        from patchbay.products.plugs import tasks  # noqa: F401 (registers the tasks)
        from patchbay.products.plugs.api.chat import ANSWERING, POOL
        from patchbay.products.plugs.key_scopes import PlugsOfOrganisation
        from patchbay.products.plugs.model import PlugModel

        keys.register_plug_scopes(PlugsOfOrganisation())
        registry.register_family(PLUG_PREFIX, PlugModel(answering=ANSWERING, pool=POOL))
