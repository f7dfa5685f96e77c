"""The ways through the pages that matter: register, a key, a document to a lit quote; all of it by keyboard too."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from patchbay.kernel.jobs import worker
from tests import factories
from tests.e2e.conftest import Site, Window

TERMS = (
    b"# Terms of sale\n\n## 8 Payment\n\n8.1 Invoices are due within thirty (30) days of receipt.\n\n"
    + b"\n\n".join(b"9.%d Notices are sent by recorded post to the address above." % number for number in range(1, 60))
)


def test_a_newcomer_registers_and_makes_a_key(opened: Callable[..., Window]) -> None:
    window = opened()
    page = window.go("/register")
    page.get_by_label("Company name").fill("Aldgate Advisory")
    page.get_by_label("Work e-mail").fill("tom@aldgate.example")
    page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    expect(page.get_by_text("Strong", exact=True)).to_be_visible()
    page.get_by_role("button", name="Create organisation").click()
    page.wait_for_url("**/dashboard")
    expect(page.locator(".balance")).to_contain_text("1,000")
    page.get_by_role("link", name="Generate API key").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Create key", exact=True).click()
    expect(page.locator(".secret code")).to_have_text(re.compile(r"^sme_live_[0-9a-f]{32}$"))
    done = page.get_by_role("button", name="Done")
    expect(done).to_be_disabled()
    page.get_by_label("I have stored it").check()
    done.click()
    expect(page.get_by_role("row", name=re.compile("Laptop"))).to_contain_text("Active")
    page.get_by_role("link", name="Revoke Laptop").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_role("row", name=re.compile("Laptop"))).to_contain_text("Revoked")


def test_a_document_is_uploaded_asked_and_its_quote_lit(site: Site, opened: Callable[..., Window]) -> None:
    site.says("answered\n", "You have thirty days to pay. [[1|due within thirty (30) days of receipt]]")
    window = opened()
    page = window.sign_in()
    window.go("/plugs#new")
    page.get_by_role("dialog").get_by_label("Name").fill("Sales terms")
    page.get_by_role("button", name="Create plug").click()
    files = [
        {"name": "terms.md", "mimeType": "text/markdown", "buffer": TERMS},
        {"name": "empty.pdf", "mimeType": "application/pdf", "buffer": b""},
    ]
    page.get_by_label("choose files").set_input_files(files)  # type: ignore[arg-type]
    expect(page.locator(".uploads")).to_contain_text("The file is empty.")
    expect(page.locator(".uploads li")).to_have_count(1)
    expect(page.get_by_role("row", name=re.compile("terms"))).to_contain_text("Processing")
    site.run(worker.run_pending)
    expect(page.get_by_role("row", name=re.compile("terms"))).to_contain_text("Ready")
    expect(page.locator("#state")).to_contain_text("Ready to answer")
    page.get_by_role("link", name="Chat").click()
    page.get_by_label("Ask Sales terms").fill("How long do I have to pay an invoice?")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("1 of 1 quote verified")
    expect(page.locator(".balance")).to_contain_text("998.732")
    lit = page.locator("#document mark.lit")
    expect(lit).to_have_text("due within thirty (30) days of receipt")
    expect(lit).to_be_in_viewport()
    expect(page.locator(".cite")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator(".msg")).to_have_count(2)
    window.go("/usage")
    page.get_by_role("link", name="Answer of Sales terms").click()
    expect(page.get_by_role("row", name=re.compile("Charged"))).to_contain_text("1.268")


@pytest.mark.parametrize(
    ("outcome", "verdict"), [("uncertain", "Uncertain: the nearest passages"), ("declined", "the documents do not say")]
)
def test_an_answer_that_claims_nothing_says_so(
    site: Site, opened: Callable[..., Window], outcome: str, verdict: str
) -> None:
    site.says(f"{outcome}\n")
    site.run(_with_terms, site)
    window = opened(375)
    page = window.sign_in()
    window.go("/plugs/sales-terms")
    page.get_by_label("Ask Sales terms").fill("Who pays for notices?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".verdict")).to_contain_text(verdict)


def _with_terms(site: Site) -> None:
    from django.core.files.base import ContentFile

    from patchbay.products.plugs import services as plugs

    actor = site.owner.actor()
    plug = plugs.create_plug(actor=actor, name="Sales terms")
    plugs.upload_document(actor=actor, plug=plug, file=ContentFile(TERMS), filename="terms.md")
    worker.run_pending()


@pytest.mark.parametrize("width", [375, 1440])
def test_a_members_role_is_saved_when_its_button_is_pressed_and_not_before(
    site: Site, opened: Callable[..., Window], width: int
) -> None:
    editor = site.run(factories.member, site.owner.organisation_id, "editor")
    window = opened(width)
    page = window.sign_in()
    window.go("/members")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    role = page.get_by_label(re.compile("Role of"))
    role.press("ArrowDown")
    expect(role).to_have_value("viewer")
    page.get_by_role("button", name=re.compile("Save the role of")).click()
    page.wait_for_load_state("networkidle")
    expect(role).to_have_value("viewer")
    assert [url.rpartition("/")[2] for url in sent] == ["role"], "sent once, by its button"
    site.run(editor.refresh_from_db)
    assert editor.role == "viewer"


def test_the_keyboard_reaches_everything(opened: Callable[..., Window]) -> None:
    window = opened()
    page = window.sign_in()
    page.keyboard.press("Control+k")
    palette = page.get_by_role("combobox")
    expect(palette).to_be_focused()
    page.keyboard.type("members")
    page.keyboard.press("Enter")
    page.wait_for_url("**/members")
    page.get_by_role("button", name="Account of Mara Lindqvist").press("Enter")
    expect(page.get_by_role("menuitem", name="Profile and sessions")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("menuitem", name="Sign out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menuitem", name="Sign out")).to_be_hidden()
    window.go("/api-keys")
    page.get_by_role("button", name="Create new key").press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_sidebar_is_a_drawer_on_a_narrow_screen(opened: Callable[..., Window]) -> None:
    window = opened(375)
    page = window.sign_in()
    menu = page.get_by_role("button", name="Menu")
    expect(page.get_by_role("link", name="Members")).to_be_hidden()
    menu.click()
    expect(page.get_by_role("link", name="Patchbay")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(page.get_by_role("link", name="Members")).to_be_hidden()


def test_the_theme_is_kept(opened: Callable[..., Window]) -> None:
    window = opened(theme="light")
    page = window.go("/login")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
