"""What is refused before Django is reached: a page for a browser, problem details for programs."""

from typing import Any

import pytest

from patchbay.lib.asgi.limits import BodyLimit
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.web.errors import came_from, respond_error
from tests import asgi

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "host": "patchbay.example"}
LIMIT = 3 * 1024 * 1024


async def unreachable(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("the body is too large for it")


async def send_too_much(path: str, headers: dict[str, str]) -> Any:
    app = Dispatcher([], BodyLimit(unreachable, LIMIT, respond=respond_error))
    return await asgi.call(app, "POST", path, headers={**headers, "content-length": str(LIMIT + 1)})


async def test_a_browser_gets_a_page_that_says_the_limit_and_leads_back() -> None:
    referer = {"referer": "http://patchbay.example/plugs/terms/knowledge"}
    answer = await send_too_much("/plugs/terms/documents", BROWSER | referer)
    page = answer.body.decode()
    assert (answer.status, answer.headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert "larger than 3.0 MB" in page
    assert "send less at once" in page
    assert 'href="/plugs/terms/knowledge"' in page
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/plugs/terms/documents", {"accept": "application/json"}),
        ("/plugs/terms/documents", {"accept": "*/*"}),
        ("/plugs/terms/documents", {}),
        ("/v1/plugs/terms/documents", BROWSER),
    ],
)
async def test_programs_get_problem_details(path: str, headers: dict[str, str]) -> None:
    answer = await send_too_much(path, headers)
    assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("https://patchbay.example/plugs?own=1", "/plugs?own=1"),
        ("https://elsewhere.example/plugs", "/"),
        ("https://patchbay.example//elsewhere.example", "/elsewhere.example"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_only_a_page_of_ours_is_led_back_to(referer: str | None, back: str) -> None:
    assert came_from(referer, "patchbay.example") == back
