"""Where each package's pages hang. The REST document is assembled in `patchbay.site.api`."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("patchbay.site.urls")),
    path("", include("patchbay.web.urls")),
    path("", include("patchbay.kernel.accounts.urls")),
    path("", include("patchbay.kernel.keys.urls")),
    path("", include("patchbay.kernel.audit.urls")),
    path("", include("patchbay.kernel.usage.urls")),
    path("", include("patchbay.products.plugs.urls")),
]
handler403 = "patchbay.web.views.forbidden"
handler404 = "patchbay.web.views.not_found"
handler500 = "patchbay.web.views.failed"
