"""What changes the gateway's set-up; one module for each noun. Every change holds at once, in every process."""

from patchbay.products.gateway.services.aliases import create_alias, delete_alias, put_target, update_alias
from patchbay.products.gateway.services.connection import test_connection
from patchbay.products.gateway.services.prices import set_prices, set_vendor_prices, unset_prices
from patchbay.products.gateway.services.providers import (
    add_provider_key,
    create_provider,
    delete_provider,
    remove_provider_key,
    rotate_provider_key,
    update_provider,
    update_provider_key,
)
from patchbay.products.gateway.services.rules import set_rules

__all__ = [
    "add_provider_key",
    "create_alias",
    "create_provider",
    "delete_alias",
    "delete_provider",
    "put_target",
    "remove_provider_key",
    "rotate_provider_key",
    "set_prices",
    "set_rules",
    "set_vendor_prices",
    "test_connection",
    "unset_prices",
    "update_alias",
    "update_provider",
    "update_provider_key",
]
