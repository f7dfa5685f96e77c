from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "patchbay.site"
    label = "site"
