from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "patchbay.kernel.events"
    label = "events"
