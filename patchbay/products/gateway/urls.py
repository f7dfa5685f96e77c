"""The gateway's pages. The playground asks on a raw route: `POST /gateway/playground/completions` (`api/routes.py`)."""

from django.urls import path

from patchbay.products.gateway.views import models, overview, playground, prices, providers, requests, rules

app_name = "gateway"
urlpatterns = [
    path("gateway", overview.overview, name="overview"),
    path("gateway/requests", requests.list_requests, name="requests"),
    path("gateway/requests/<str:request_id>", requests.show_request, name="request"),
    path("gateway/models", models.list_models, name="models"),
    path("gateway/models/new", models.create_model, {"platform": False}, name="create_model"),
    path("gateway/models/new/platform", models.create_model, {"platform": True}, name="create_platform_model"),
    path("gateway/models/prices", prices.set_prices, name="prices"),
    path("gateway/models/prices/vendor", prices.take_vendor_prices, name="vendor_prices"),
    path("gateway/models/<str:model_id>", models.edit_model, name="model"),
    path("gateway/models/<str:model_id>/delete", models.delete_model, name="delete_model"),
    path("gateway/providers", providers.list_providers, name="providers"),
    path("gateway/providers/new", providers.create_provider, {"platform": False}, name="create_provider"),
    path(
        "gateway/providers/new/platform", providers.create_provider, {"platform": True}, name="create_platform_provider"
    ),
    path("gateway/providers/<str:provider_id>", providers.show_provider, name="provider"),
    path("gateway/providers/<str:provider_id>/change", providers.update_provider, name="update_provider"),
    path("gateway/providers/<str:provider_id>/switch", providers.switch_provider, name="switch_provider"),
    path("gateway/providers/<str:provider_id>/test", providers.test_provider, name="test_provider"),
    path("gateway/providers/<str:provider_id>/delete", providers.delete_provider, name="delete_provider"),
    path("gateway/providers/<str:provider_id>/keys", providers.add_key, name="add_provider_key"),
    path(
        "gateway/providers/<str:provider_id>/keys/<str:provider_key_id>/rotate",
        providers.rotate_key,
        name="rotate_provider_key",
    ),
    path(
        "gateway/providers/<str:provider_id>/keys/<str:provider_key_id>/switch",
        providers.switch_key,
        name="switch_provider_key",
    ),
    path(
        "gateway/providers/<str:provider_id>/keys/<str:provider_key_id>/remove",
        providers.remove_key,
        name="remove_provider_key",
    ),
    path("gateway/rules", rules.rules, name="rules"),
    path("gateway/playground", playground.playground, name="playground"),
    path("gateway/playground/results/<str:request_id>", playground.result, name="playground_result"),
]
