from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "patchbay.kernel.jobs"
    label = "jobs"

    def ready(self) -> None:
        from patchbay.kernel.jobs import tasks  # noqa: F401
