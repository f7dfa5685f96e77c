"""Where each package's pages hang. The REST document is assembled in `patchbay.site.api`."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
