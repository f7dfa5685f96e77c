"""Names of one long word, amounts of twelve digits, many plugs: every page keeps its width, and a phone its actions."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from playwright.sync_api import expect

from patchbay.kernel.accounts.models import Organisation, User
from patchbay.kernel.keys import services as keys
from patchbay.kernel.ledger import services as ledger
from patchbay.kernel.plans import services as plans
from patchbay.products.gateway import services as gateway
from patchbay.products.gateway.checks import WantedTarget
from patchbay.products.plugs import services as plugs
from tests import factories
from tests.e2e.conftest import Site, Window
from tests.factories import requests
from tests.factories.gateway import provider

WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
MICRO = 987_654_321_098_123_456


@pytest.fixture
def crowded(site: Site) -> list[str]:
    """Fill the organisation with the longest of everything; return the addresses of its pages."""
    actor = site.owner.actor()
    organisation = actor.organisation_id
    plans.assign_plan(organisation_id=organisation, plan_code="pro")
    Organisation.objects.filter(pk=organisation).update(name=f"{WORD} شركة")
    User.objects.filter(pk=site.owner.user_id).update(name=WORD)
    guest = factories.member(organisation, "viewer", email=f"{'x' * 60}@{'y' * 60}.example")
    ledger.grant(organisation_id=organisation, amount_micro=MICRO, kind="purchase", idempotency_key="a", reason=WORD)
    made = [plugs.create_plug(actor=actor, name=f"{WORD} {number}", description=WORD) for number in range(20)]
    plugs.upload_document(actor=actor, plug=made[0], file=ContentFile(b"# Terms\n\nText."), filename=f"{WORD}.md")
    key = keys.create_key(actor=actor, name=WORD, monthly_cap_micro=MICRO).key
    source = provider(actor, "p" * 60, organisation_id=organisation)
    alias = gateway.create_alias(
        actor=actor, organisation_id=organisation, name="a" * 90, targets=[WantedTarget(source.name, "m" * 150)]
    )
    answered = requests.success(organisation, model=alias.name, cost_micro=MICRO, lines=requests.COST_LINES)
    failed = requests.failure(organisation, alias=alias.name, message="w" * 300)
    plug = f"/plugs/{made[0].slug}"
    return [
        *("/dashboard", "/plugs", "/api-keys", "/usage", "/members", "/audit", "/settings", "/gateway"),
        *("/gateway/requests", "/gateway/models", "/gateway/providers", "/gateway/rules", "/gateway/playground"),
        *(plug, f"{plug}/knowledge", f"{plug}/delete", f"{plug}/sessions", f"/members/{guest.id}/remove"),
        *(f"/gateway/requests/{answered}", f"/gateway/requests/{failed}", f"/gateway/providers/{source.id}"),
        *(f"/gateway/models/{alias.id}", f"/gateway/models/{alias.id}/delete", f"/api-keys/{key.id}/revoke"),
    ]


def test_long_names_and_amounts_never_make_a_page_scroll_sideways(
    crowded: list[str], opened: Callable[..., Window]
) -> None:
    window = opened()
    window.sign_in()

    def too_wide(path: str, width: int) -> Any:
        window.page.set_viewport_size({"width": width, "height": 900})
        window.go(path)
        return window.page.evaluate("document.documentElement.scrollWidth - innerWidth")

    wide = {(path, width): too_wide(path, width) for path in crowded for width in (375, 1440)}
    assert {where: by for where, by in wide.items() if by > 0} == {}
    head = window.go("/dashboard").locator(".stat").first
    expect(head).to_contain_text("+8")  # 20 plugs: twelve jacks and the rest as a number
    assert head.evaluate("each => each.scrollHeight - each.clientHeight") <= 0


def test_a_key_is_changed_rotated_and_revoked_on_a_phone(site: Site, opened: Callable[..., Window]) -> None:
    key = site.run(lambda: keys.create_key(actor=site.owner.actor(), name="Laptop")).key
    window = opened(width=375)
    page = window.sign_in()
    window.go("/api-keys")
    page.get_by_role("button", name="Actions for Laptop").press("Enter")
    items = page.get_by_role("menuitem")
    expect(items.filter(visible=True)).to_have_text([re.compile(word) for word in ("Change", "Rotate", "Revoke")])
    expect(items.filter(has_text="Change")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/api-keys/{key.id}/revoke")
