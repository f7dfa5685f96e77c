from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "patchbay.products.gateway"
    label = "gateway"
