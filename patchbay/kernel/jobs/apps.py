from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "patchbay.kernel.jobs"
    label = "jobs"
