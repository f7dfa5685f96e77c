from django.apps import AppConfig
from django.conf import settings


class GatewayConfig(AppConfig):
    name = "patchbay.products.gateway"
    label = "gateway"

    def ready(self) -> None:
        from patchbay.products.gateway import tasks  # noqa: F401  registers tasks and schedules
        from patchbay.products.gateway.engine import registry
        from patchbay.products.gateway.providers.offline.provider import OfflineProvider

        registry.register(OfflineProvider(), registry.OFFLINE_MODEL)
        if settings.MODEL:
            from patchbay.products.gateway.providers.openai.provider import OpenAIProvider

            provider = OpenAIProvider(base_url=settings.OPENAI_BASE_URL, api_key=settings.OPENAI_API_KEY)
            registry.register(provider, settings.MODEL)
