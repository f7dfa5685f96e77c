"""The gateway's pages with their scripts: the playground streams, and the route editor works by keyboard alone."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from patchbay.products.gateway import queries
from patchbay.products.gateway.contracts import OFFLINE_MODEL
from patchbay.products.gateway.errors import ModelBusyError
from tests.e2e.conftest import Site, Window
from tests.factories import gateway


def test_the_playground_streams_an_answer_and_says_what_it_cost(site: Site, opened: Callable[..., Window]) -> None:
    site.says("Hello ", "there, ", "<b>Mara</b>.")
    window = opened()
    page = window.sign_in()
    window.go("/gateway/playground")
    page.get_by_label("Model").select_option(OFFLINE_MODEL)
    page.get_by_label("System message").fill("Be brief.")
    page.get_by_label("Message", exact=True).fill("It's me")
    curl = page.get_by_role("button", name="Copy as curl").get_attribute("data-copy-text") or ""
    assert "/v1/chat/completions" in curl
    assert "It'\\''s me" in curl
    page.get_by_label("Message", exact=True).press("Control+Enter")
    expect(page.locator("#answer .body")).to_have_text(["It's me", "Hello there, <b>Mara</b>."])
    expect(page.locator("#result")).to_contain_text("1 try")
    expect(page.locator("#result")).to_contain_text("1,200")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    page.get_by_role("link", name="Open in the request log").click()
    expect(page.get_by_role("heading", name=OFFLINE_MODEL)).to_be_visible()
    expect(page.locator("#main").get_by_text("Mara Lindqvist")).to_be_visible()


def test_the_playground_goes_on_from_what_was_said_until_it_is_started_over(
    site: Site, opened: Callable[..., Window]
) -> None:
    site.says("Forty.")
    window = opened(375)
    page = window.sign_in()
    window.go(f"/gateway/playground?model={OFFLINE_MODEL}")
    message, answer = page.get_by_label("Message", exact=True), page.locator("#answer .body")
    again = page.get_by_role("button", name="Start over")
    expect(again).to_be_disabled()
    message.fill("What is the fee?")
    message.press("Control+Enter")
    expect(answer).to_have_text(["What is the fee?", "Forty."])
    expect(message).to_have_value("")
    message.fill("Who pays it?")
    with page.expect_request("**/playground/completions") as sent:
        message.press("Control+Enter")
    turns = [(turn["role"], turn["content"]) for turn in sent.value.post_data_json["messages"]]
    assert turns == [("user", "What is the fee?"), ("assistant", "Forty."), ("user", "Who pays it?")]
    expect(answer).to_have_count(4)
    again.click()
    expect(answer).to_have_count(0)
    expect(message).to_be_focused()
    expect(message).to_have_value("What is the fee?")
    assert "Who pays" not in (page.get_by_role("button", name="Copy as curl").get_attribute("data-copy-text") or "")


def test_an_answer_stays_in_the_conversation_when_its_cost_cannot_be_shown(
    site: Site, opened: Callable[..., Window]
) -> None:
    site.says("Forty.")
    window = opened()
    page = window.sign_in()
    window.go(f"/gateway/playground?model={OFFLINE_MODEL}")
    page.route("**/playground/results/*", lambda route: route.abort())
    message = page.get_by_label("Message", exact=True)
    for question in ("What is the fee?", "Who pays it?"):
        message.fill(question)
        message.press("Control+Enter")
        expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#answer .body")).to_have_count(4)
    window.faults.clear()  # the failure is meant


def test_a_refused_question_says_why_and_keeps_what_was_typed(site: Site, opened: Callable[..., Window]) -> None:
    site.fails(ModelBusyError("The model is at its limit."))
    window = opened(375)
    page = window.sign_in()
    window.go(f"/gateway/playground?model={OFFLINE_MODEL}")
    page.get_by_label("Message", exact=True).fill("Hello?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("at its limit")
    assert page.get_by_label("Message", exact=True).input_value() == "Hello?"
    site.says("Hello.")
    with page.expect_request("**/playground/completions") as sent:
        page.get_by_role("button", name="Send").click()
    assert [turn["content"] for turn in sent.value.post_data_json["messages"]] == ["Hello?"], "not what was refused too"
    expect(page.locator("#answer .body")).to_have_text(["Hello?", "Hello."])
    window.faults = [fault for fault in window.faults if "status of 429" not in fault]  # is meant


def test_targets_are_added_and_moved_by_keyboard_without_leaving_the_page(
    site: Site, opened: Callable[..., Window]
) -> None:
    actor = site.owner.actor()
    provider, alias = site.run(gateway.own_model, actor)
    window = opened()
    page = window.sign_in()
    window.go(f"/gateway/models/{alias.id}")
    page.evaluate("window.stays = true")
    page.get_by_role("button", name="Add a target").press("Enter")
    second = page.locator("[name='targets-1-provider']")
    expect(second).to_be_focused()
    page.locator("[name='targets-1-model']").fill("cheaper")
    page.get_by_role("button", name="Move target 2 up").press("Enter")
    expect(page.locator("[name='targets-0-model']")).to_have_value("cheaper")
    expect(page.get_by_role("button", name="Move target 1 down")).to_be_focused()
    assert page.evaluate("window.stays")
    page.locator("[name='targets-0-model']").press("Enter")
    page.wait_for_url(re.compile(r"/gateway/models$"))
    saved = site.run(queries.get_alias, actor.organisation_id, alias.id)
    assert [target.model for target in saved.targets] == ["cheaper", "model-own"]
    assert saved.targets[0].provider_id == provider.id
