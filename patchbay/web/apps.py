from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "patchbay.web"
    label = "web"
