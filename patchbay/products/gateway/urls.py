"""The gateway's pages. The playground asks on a raw route: `POST /gateway/playground/completions` (`api/routes.py`)."""

from django.urls import path

from patchbay.products.gateway.views import overview, requests

app_name = "gateway"
urlpatterns = [
    path("gateway", overview.overview, name="overview"),
    path("gateway/requests", requests.list_requests, name="requests"),
    path("gateway/requests/<str:request_id>", requests.show_request, name="request"),
]
