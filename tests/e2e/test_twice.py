"""What people do by mistake: they press twice while the server is slow."""

from collections.abc import Callable

from tests.e2e.conftest import Window

_SENT_TWICE = """form => {
  const refused = [];
  addEventListener("submit", event => { refused.push(event.defaultPrevented); event.preventDefault(); });
  form.requestSubmit();
  form.requestSubmit();
  return refused;
}"""


def test_a_second_press_before_the_answer_sends_nothing(opened: Callable[..., Window]) -> None:
    window = opened()
    page = window.sign_in()
    window.go("/plugs#new")
    page.get_by_role("dialog").get_by_label("Name").fill("Sales terms")
    assert page.locator("dialog[open] form[method=post]").evaluate(_SENT_TWICE) == [False, True]
