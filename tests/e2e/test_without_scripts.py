"""Without JavaScript all that needs none works, and what needs it says so; on paper there is nothing to press."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from patchbay.kernel.jobs import worker
from patchbay.products.plugs import services as plugs
from tests import factories
from tests.e2e.conftest import Site, Window
from tests.e2e.test_ways import TERMS
from tests.factories import requests

DEAD = "[data-copy], [data-copy-text], [data-dialog], [data-close], [data-theme-toggle], [data-show], .scripted"

INK = """() => {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = getComputedStyle(document.body).color;
  canvas.fillRect(0, 0, 1, 1);
  return Math.max(...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)) / 255;
}"""
"""How light the letters of a page are, 0 to 1."""


@pytest.mark.parametrize("width", [375, 1440])
def test_a_newcomer_registers_makes_a_plug_and_a_key_and_revokes_it(
    site: Site, opened: Callable[..., Window], width: int
) -> None:
    window = opened(width, scripts=False)
    page = window.go("/register")
    page.get_by_label("Company name").fill("Aldgate Advisory")
    page.get_by_label("Work e-mail").fill("tom@aldgate.example")
    page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    page.get_by_role("button", name="Create organisation").click()
    page.wait_for_url("**/dashboard")
    page.get_by_role("navigation", name="Product").get_by_role("link", name="Plugs").click()
    page.get_by_role("link", name="New plug").click()
    page.get_by_label("Name").fill("Sales terms")
    page.get_by_role("button", name="Create plug").click()
    page.get_by_label("choose files").set_input_files(
        [{"name": "terms.md", "mimeType": "text/markdown", "buffer": TERMS}]
    )
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="Reload to see").click()
    site.run(worker.run_pending)
    page.reload()
    expect(page.get_by_role("row", name=re.compile("terms"))).to_contain_text("Ready")
    window.go("/api-keys")
    page.get_by_role("link", name="Create new key").click()
    page.get_by_label("Name").fill("")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("This field is required.")).to_be_visible()
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator(".secret code")).to_have_text(re.compile(r"^sme_live_[0-9a-f]{32}$"))
    page.get_by_role("link", name="I have stored it").click()
    if width == 375:
        page.get_by_role("button", name="Actions for Laptop").click()
        page.get_by_role("menuitem", name="Revoke").click()
    else:
        page.get_by_role("link", name="Revoke Laptop").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_role("row", name=re.compile("Laptop"))).to_contain_text("Revoked")
    page.get_by_role("button", name=re.compile("Account of")).click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/login")


def sign_in(window: Window) -> None:
    window.go("/login")
    window.page.get_by_label("E-mail").fill("mara@larkfield.example")
    window.page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    window.page.get_by_role("button", name="Sign in").click()
    window.page.wait_for_url("**/dashboard")


def test_roles_and_filters_need_no_script_and_what_needs_one_says_so(site: Site, opened: Callable[..., Window]) -> None:
    record = site.run(_furnish, site)
    window = opened(scripts=False)
    sign_in(window)
    page = window.go("/members")
    page.get_by_label("Role of tom@larkfield.example", exact=True).select_option("viewer")
    page.get_by_role("button", name="Save the role of tom@larkfield.example").click()
    expect(page.get_by_text("tom@larkfield.example is now viewer.")).to_be_visible()
    window.go("/gateway/requests")
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_label("Request id").fill(record)
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row")).to_have_count(2)
    for path in ("/plugs/sales-terms", "/gateway/playground"):
        expect(window.go(path).get_by_text(re.compile("Asking from this page needs JavaScript"))).to_be_visible()
    for path in ("/plugs", "/api-keys", "/docs", "/usage", "/audit", "/gateway", "/gateway/models", "/settings"):
        assert window.go(path).locator(DEAD).filter(visible=True).count() == 0, path


def test_an_earlier_conversation_is_read_without_a_script_and_printed_whole(
    site: Site, opened: Callable[..., Window]
) -> None:
    site.run(_furnish, site)
    site.says("answered\n", "You have thirty days to pay. [[1|due within thirty (30) days of receipt]]")
    window = opened(theme="dark")
    page = window.sign_in()
    window.go("/plugs/sales-terms")
    page.get_by_label("Ask Sales terms").fill("How long do I have to pay an invoice?")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("1 of 1 quote verified")
    page.emulate_media(media="print")
    assert page.locator("nav, .btn, .topbar, .dock").filter(visible=True).count() == 0
    expect(page.get_by_text("You have thirty days to pay.")).to_be_visible()
    assert page.evaluate(INK) < 0.2, "dark letters, though the screen is dark"
    address = page.url
    bare = opened(scripts=False)
    sign_in(bare)
    bare.page.goto(address)
    expect(bare.page.locator(".msg .body").last).to_contain_text("You have thirty days to pay.")
    expect(bare.page.locator("q")).to_have_text("due within thirty (30) days of receipt")


@pytest.mark.parametrize("path", ["/usage", "/usage/{record}", "/gateway/requests", "/members"])
def test_paper_has_the_page_in_black_and_nothing_to_press(site: Site, opened: Callable[..., Window], path: str) -> None:
    record = site.run(_furnish, site)
    window = opened(theme="dark")
    page = window.sign_in()
    window.go(path.format(record=record))
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.locator("nav, .topbar, .btn, button").filter(visible=True).count() == 0
    assert page.evaluate(INK) < 0.2, "dark letters, though the screen is dark"


def _furnish(site: Site) -> str:
    """Give the organisation a plug that can be asked, an editor and two requests; return the id of one."""
    from django.core.files.base import ContentFile

    actor = site.owner.actor()
    plug = plugs.create_plug(actor=actor, name="Sales terms")
    plugs.upload_document(actor=actor, plug=plug, file=ContentFile(TERMS), filename="terms.md")
    worker.run_pending()
    factories.member(site.owner.organisation_id, email="tom@larkfield.example")
    requests.success(site.owner.organisation_id)
    return requests.success(site.owner.organisation_id, lines=requests.COST_LINES)
