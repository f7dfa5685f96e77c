from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "patchbay.kernel.search"
    label = "search"
