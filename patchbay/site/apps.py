from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "patchbay.site"
    label = "site"

    def ready(self) -> None:
        from patchbay.kernel.search import services as search
        from patchbay.site import tasks

        search.set_follow_up(tasks.enqueue_embedding)
