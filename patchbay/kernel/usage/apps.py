from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "patchbay.kernel.usage"
    label = "usage"
