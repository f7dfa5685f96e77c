"""Every page, both widths, both themes: axe finds nothing, nothing scrolls sideways, nothing comes from afar."""

import gzip
from collections.abc import Callable
from itertools import product
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.files.base import ContentFile
from playwright.sync_api import Page

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.jobs import worker
from patchbay.kernel.keys import services as keys
from patchbay.kernel.usage import services as usage
from patchbay.products.plugs import services as plugs
from tests.e2e.conftest import Site, Window
from tests.factories import gateway, requests

OPEN = ("/login", "/register", "/password/reset", "/docs", "/docs/errors", "/mail", "/no/such/page")
SIGNED_IN = (
    "/dashboard",
    "/plugs",
    "/plugs#new",
    "/plugs/terms",
    "/plugs/terms/knowledge",
    "/api-keys",
    "/api-keys#create",
    "/usage",
    "/members",
    "/audit",
    "/settings",
    "/plugs/terms/sessions",
    "/settings/sessions/others",
    "/gateway",
    "/gateway?range=30d",
    "/gateway/requests",
    "/gateway/models",
    "/gateway/models/new",
    "/gateway/providers",
    "/gateway/providers/new",
    "/gateway/rules",
    "/gateway/playground",
    "/password/change",
)
FIRST_LOAD = 120 * 1024
RULES: dict[str, dict[str, Any]] = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},  # the other theme is other colours alone
}


@pytest.fixture
def furnished(site: Site) -> list[str]:
    """Give the organisation one of everything; return the addresses of single things."""
    actor = site.owner.actor()
    plug = plugs.create_plug(actor=actor, name="Terms", domain="legal", description="Terms of sale.")
    table = b"| Fee | Rate |\n|---|---|\n| Late | 8 % |\n"
    text = b"# Terms\n\n## 8 Payment\n\nInvoices are due within thirty (30) days.\n\n" + table
    document = plugs.upload_document(actor=actor, plug=plug, file=ContentFile(text), filename="terms.md")
    worker.run_pending()
    created = keys.create_key(actor=actor, name="Production", requests_per_minute=60, monthly_cap_micro=900_000_000)
    usage.set_organisation_budget(actor=actor, cap_micro=5_000_000_000)
    event = audit.list_events(actor.organisation_id).data[0]
    start = text.decode().index("Invoices") - 8
    provider, model = gateway.own_model(actor)
    failed = requests.failure(actor.organisation_id)
    served = requests.success(actor.organisation_id, lines=requests.COST_LINES, detail={"first_ms": 698})
    return [
        f"/gateway/requests/{served}",
        f"/gateway/requests/{failed}",
        f"/gateway/models/{model.id}",
        f"/gateway/models/{model.id}/delete",
        f"/gateway/providers/{provider.id}",
        f"/gateway/providers/{provider.id}/delete",
        f"/gateway/providers/{provider.id}/keys/{provider.keys[0].id}/rotate",
        f"/gateway/providers/{provider.id}/keys/{provider.keys[0].id}/remove",
        f"/plugs/terms/documents/{document.id}?version=1&start={start}&end={start + 20}",
        f"/plugs/terms/documents/{document.id}/delete",
        f"/api-keys/{created.key.id}/change",
        f"/api-keys/{created.key.id}/rotate",
        f"/api-keys/{created.key.id}/revoke",
        f"/audit/{event.id}",
    ]


def test_pages_are_accessible_and_fit(furnished: list[str], opened: Callable[..., Window]) -> None:
    window = opened()
    axe = Axe()

    def look(path: str) -> list[str]:
        page = window.go(path)
        return [fault for width, theme in product((375, 1440), ("light", "dark")) for fault in see(page, width, theme)]

    def see(page: Page, width: int, theme: Literal["light", "dark"]) -> list[str]:
        where = f"{page.url} ({width}, {theme})"
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        found = axe.run(page, options=RULES[theme]).response["violations"]
        sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        faults = [f"{where}: {rule['id']} {[node['html'][:120] for node in rule['nodes']]}" for rule in found]
        return [*faults, *([f"{where} scrolls sideways by {sideways}"] if sideways > 0 else [])]

    faults = [fault for path in OPEN for fault in look(path)]
    window.sign_in()
    faults += [fault for path in (*SIGNED_IN, *furnished) for fault in look(path)]
    assert faults == []
    window.faults = [fault for fault in window.faults if "status of 404" not in fault]  # /no/such/page is meant


def test_the_first_load_is_light(site: Site, opened: Callable[..., Window]) -> None:
    window = opened()
    sizes: dict[str, int] = {}

    def weigh(response: Any) -> None:
        if response.request.resource_type in {"script", "stylesheet"}:
            sizes[response.url] = len(gzip.compress(response.body()))

    window.page.on("response", weigh)
    window.sign_in()
    assert len(sizes) > 5
    assert sum(sizes.values()) <= FIRST_LOAD
