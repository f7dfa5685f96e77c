"""A NUL in an address or a cookie is the client's fault: PostgreSQL takes no such text, not even to compare."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import connection
from django.test import Client

from patchbay.lib.asgi.request import Request
from patchbay.lib.errors import NotFoundError
from patchbay.products.gateway.engine import members
from patchbay.products.plugs.queries import sessions
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _takes_no_nul() -> Iterator[None]:
    """What PostgreSQL does, on SQLite too."""

    def refuse(execute: Any, statement: str, values: Any, many: bool, context: Any) -> Any:
        assert "\0" not in str(values).replace("\\x00", "\0"), "a NUL reached the database"
        return execute(statement, values, many, context)

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/usage/records?key_id=%00"),
        ("GET", "/v1/audit/events?target_id=%00"),
        ("GET", "/v1/sessions/%00"),
        ("DELETE", "/v1/keys/%00"),
        ("GET", "/v1/gateway/providers/%00"),
    ],
)
def test_an_operation_refuses_it_as_a_problem(method: str, path: str) -> None:
    headers = {"authorization": f"Bearer {factories.key().secret}"}
    answer: Any = Client().generic(method, path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "path", ["/keys/%00/rotate", "/members/%00/remove", "/gateway/requests/%00", "/usage?cursor=%00"]
)
def test_a_page_refuses_it(path: str) -> None:
    visitor = Client()
    visitor.force_login(factories.membership().user)
    assert visitor.get(path).status_code == 400


def test_a_cookie_cannot_carry_it_either() -> None:
    assert Client().get("/dashboard", headers={"cookie": 'sessionid="\\000aaaaaaaaaaaa"'}).status_code == 400


def test_nor_does_a_raw_door_look_it_up() -> None:
    with pytest.raises(NotFoundError):
        sessions.get_session(factories.owner().organisation_id, "ses_\0")
    headers = [(b"cookie", b'sessionid="\\000aaaaaaaaaaaa"')]
    request = Request(Mock(), "POST", "/plugs/legal-v1/chat", headers, request_id="req_1", path_params={})
    assert members._cookie(request, "sessionid") is None
