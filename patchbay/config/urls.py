"""Where each package's pages and the REST API hang."""

from django.urls import URLPattern, URLResolver, include, path

from patchbay.site.api import api
from patchbay.site.views import openapi_json

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("patchbay.site.urls")),
    path("", include("patchbay.web.urls")),
    path("", include("patchbay.kernel.accounts.urls")),
    path("", include("patchbay.kernel.keys.urls")),
    path("", include("patchbay.kernel.audit.urls")),
    path("", include("patchbay.kernel.usage.urls")),
    path("", include("patchbay.products.gateway.urls")),
    path("", include("patchbay.products.plugs.urls")),
    path("v1/openapi.json", openapi_json, name="openapi"),
    path("v1/", api.urls),
]
handler400 = "patchbay.web.views.bad_request"
handler403 = "patchbay.web.views.forbidden"
handler404 = "patchbay.web.views.not_found"
handler500 = "patchbay.web.views.failed"
