from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "patchbay.products.gateway"
    label = "gateway"

    def ready(self) -> None:
        from patchbay.products.gateway import tasks  # noqa: F401  registers tasks and schedules
        from patchbay.products.gateway.contracts import OFFLINE_MODEL
        from patchbay.products.gateway.engine import registry
        from patchbay.products.gateway.engine.local import LocalTransport
        from patchbay.products.gateway.providers.anthropic.provider import AnthropicTransport
        from patchbay.products.gateway.providers.offline.provider import OfflineModel
        from patchbay.products.gateway.providers.offline.transport import OfflineTransport
        from patchbay.products.gateway.providers.openai.provider import OpenAITransport

        registry.register_kind(registry.LOCAL_KIND, LocalTransport)
        registry.register_kind("offline", OfflineTransport)
        registry.register_kind("openai", OpenAITransport)
        registry.register_kind("anthropic", AnthropicTransport)
        registry.register_local(OFFLINE_MODEL, OfflineModel())
