"""Every raw route of every product: dispatch, the OpenAPI document and the stranger test read this one table."""

from patchbay.lib.asgi.routing import Route
from patchbay.products.gateway.api import routes as gateway
from patchbay.products.plugs.api import chat
from patchbay.site import health, metrics

RAW_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/healthz", health.healthz, "healthz", "Is the process alive", "public", "operations", documented=False
    ),
    Route("GET", "/readyz", health.readyz, "readyz", "Can it do its work", "public", "operations", documented=False),
    Route("GET", "/metrics", metrics.metrics, "metrics", "Metrics", "public", "operations", documented=False),
    *chat.ROUTES,
    *gateway.ROUTES,
)
