from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "patchbay.kernel.plans"
    label = "plans"
