"""A hundred forms in a quarter of an hour from one address, before anyone has signed in."""

import pytest
from django.http import HttpResponse
from django.test import Client

from patchbay.kernel.accounts import middleware
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _few_and_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "VISITOR_LIMIT", 3)
    monkeypatch.setattr(middleware.time, "time", lambda: 900 * 1_000_000 + 100.0)


def post(address: str = "203.0.113.7", client: Client | None = None) -> HttpResponse:
    return (client or Client()).post("/login", {"login": "", "password": ""}, REMOTE_ADDR=address)  # type: ignore[return-value]


def test_the_limit_is_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert (middleware.VISITOR_LIMIT, middleware.VISITOR_SECONDS) == (100, 900)


def test_above_the_limit_forms_are_refused_until_the_window_ends() -> None:
    assert [post().status_code for _ in range(5)] == [422, 422, 422, 429, 429]
    refused = post()
    assert refused["Retry-After"] == "800"
    assert refused["RateLimit"] == '"visitor";r=0;t=800'
    assert b"more than 3 forms in 15 minutes" in refused.content


def test_what_is_left_is_said() -> None:
    assert post()["RateLimit-Policy"] == '"visitor";q=3;w=900'
    assert post()["RateLimit"] == '"visitor";r=1;t=800'


def test_the_next_window_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        post()
    monkeypatch.setattr(middleware.time, "time", lambda: 900 * 1_000_001 + 1.0)
    assert post().status_code == 422


def test_addresses_do_not_share_but_one_ipv6_network_does() -> None:
    for _ in range(4):
        post("2001:db8:1:2::1")
    assert post("203.0.113.8").status_code == 422
    assert post("2001:db8:1:2:ffff::9").status_code == 429
    assert post("2001:db8:1:3::1").status_code == 422


def test_reading_and_members_are_not_counted() -> None:
    for _ in range(4):
        post()
    assert Client().get("/login", REMOTE_ADDR="203.0.113.7").status_code == 200
    member = Client()
    member.force_login(factories.membership(company="Larkfield", name="Mara").user)
    assert member.post("/logout", REMOTE_ADDR="203.0.113.7").status_code != 429


def test_the_api_is_not_meant() -> None:
    for _ in range(4):
        post()
    assert Client().post("/v1/keys", "{}", "application/json", REMOTE_ADDR="203.0.113.7").status_code == 401
