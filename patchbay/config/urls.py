"""Where each package's pages hang. The REST document is assembled in `patchbay.site.api`."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("patchbay.kernel.accounts.urls")),
    path("", include("patchbay.kernel.keys.urls")),
    path("", include("patchbay.kernel.audit.urls")),
]
