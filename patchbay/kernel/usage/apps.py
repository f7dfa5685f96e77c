from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "patchbay.kernel.usage"
    label = "usage"

    def ready(self) -> None:
        from patchbay.kernel.usage import tasks  # noqa: F401  registers tasks and schedules
