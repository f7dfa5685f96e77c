"""The connection test says what is wrong in plain words, and reaches no private address for an organisation."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from patchbay.lib.actor import Actor
from patchbay.lib.errors import ForbiddenError
from patchbay.products.gateway import services
from patchbay.products.gateway.services import connection
from patchbay.products.gateway.services.connection import ConnectionResult
from tests.factories.gateway import SECRET

pytestmark = pytest.mark.django_db


class Vendor:
    """Answers GETs with what the test set; `asked` are the paths and headers."""

    def __init__(self) -> None:
        self.status = 200
        self.body = json.dumps({"object": "list", "data": [{"id": "b"}, {"id": "a"}]}).encode()
        self.asked: list[tuple[str, dict[str, str]]] = []
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vendor.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(vendor.status)
                self.send_header("content-length", str(len(vendor.body)))
                self.end_headers()
                self.wfile.write(vendor.body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    yield made
    made.server.shutdown()
    made.server.server_close()


def ask(staff: Actor, url: str, kind: str = "openai", **terms: Any) -> ConnectionResult:
    values: dict[str, Any] = {"api_key": SECRET, "private_allowed": True}
    services.create_provider(actor=staff, organisation_id=None, name="v", kind=kind, base_url=url, **values | terms)
    return services.test_connection(actor=staff, organisation_id=None, provider="v")


def test_a_provider_that_answers_is_good_and_names_its_models(staff: Actor, vendor: Vendor) -> None:
    result = ask(staff, vendor.url)
    assert (result.ok, result.models, result.status) == (True, ("a", "b"), 200)
    path, headers = vendor.asked[0]
    assert (path, headers["authorization"]) == ("/v1/models", f"Bearer {SECRET}")


def test_anthropic_is_asked_in_its_own_way(staff: Actor, vendor: Vendor) -> None:
    assert ask(staff, vendor.url.removesuffix("/v1"), kind="anthropic").ok
    path, headers = vendor.asked[0]
    assert (path, headers["x-api-key"], headers["anthropic-version"]) == ("/v1/models", SECRET, "2023-06-01")
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"{}", "refused the API key"),
        (403, b"{}", "may not do this"),
        (404, b"{}", "ends in /v1"),
        (429, b"{}", "rate limit"),
        (500, b"{}", "status 500"),
        (302, b"", "status 302"),
        (200, b"<html>", "no list of models"),
        (200, b'{"data": 3}', "no list of models"),
    ],
)
def test_what_is_wrong_is_said(staff: Actor, vendor: Vendor, status: int, body: bytes, said: str) -> None:
    vendor.status, vendor.body = status, body
    result = ask(staff, vendor.url)
    assert not result.ok
    assert said in result.message
    assert SECRET not in result.message
    assert len(vendor.asked) == 1, "no redirect is followed"


def test_a_server_that_is_not_there_or_silent_is_told_apart(staff: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SECONDS", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert "silent" in ask(staff, f"http://127.0.0.1:{port}/v1").message
    again = services.test_connection(actor=staff, organisation_id=None, provider="v")
    assert "cannot be reached" in again.message


def test_an_answer_without_end_is_not_read_for_ever(
    staff: Actor, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_ANSWER_BYTES", 1000)
    vendor.body = b"x" * 5000
    assert "far more" in ask(staff, vendor.url).message


def test_a_name_that_leads_to_a_private_address_is_not_reached(owner: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    from patchbay.lib.http import Guard

    async def rebound(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr("patchbay.lib.http.client.Guard", lambda: Guard(resolve=rebound))
    own = owner.organisation_id
    services.create_provider(
        actor=owner, organisation_id=own, name="v", kind="openai", base_url="https://harmless.example/v1"
    )
    result = services.test_connection(actor=owner, organisation_id=own, provider="v")
    assert not result.ok
    assert "address cannot be used" in result.message


def test_who_may_not_change_a_provider_does_not_test_it(owner: Actor, staff: Actor, vendor: Vendor) -> None:
    ask(staff, vendor.url)
    for actor in (owner, replace(owner, role="viewer")):
        with pytest.raises(ForbiddenError):
            services.test_connection(actor=actor, organisation_id=None, provider="v")


def test_the_built_in_model_needs_no_connection(staff: Actor) -> None:
    assert ask(staff, "", kind="offline", api_key=None, private_allowed=False).ok
