"""What is read of the gateway: the catalogue that routing works from, and the set-up as it is shown."""

from patchbay.products.gateway.queries.catalogue import find_cached_catalogue, get_catalogue
from patchbay.products.gateway.queries.figures import overview
from patchbay.products.gateway.queries.models import get_price_list, list_models, list_prices
from patchbay.products.gateway.queries.requests import get_request, list_requests
from patchbay.products.gateway.queries.setup import (
    get_alias,
    get_provider,
    get_rules,
    list_aliases,
    list_providers,
    page_aliases,
    page_providers,
)

__all__ = [
    "find_cached_catalogue",
    "get_alias",
    "get_catalogue",
    "get_price_list",
    "get_provider",
    "get_request",
    "get_rules",
    "list_aliases",
    "list_models",
    "list_prices",
    "list_providers",
    "list_requests",
    "overview",
    "page_aliases",
    "page_providers",
]
