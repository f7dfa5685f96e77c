"""A time that no calendar has in UTC is the client's fault at every door that takes one: 422, or a filter left out."""

from typing import Any

import pytest
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
NEVER = "0001-01-01T00:00:00+14:00"


@pytest.mark.parametrize("path", ["usage/records", "credits/entries", "credits/entries.csv", "audit/events"])
def test_a_list_since_never_is_refused_by_its_field(path: str) -> None:
    headers = {"authorization": f"Bearer {factories.key().secret}"}
    answer: Any = Client().get(f"/v1/{path}", {"since": NEVER}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].endswith("since")


def test_a_key_that_expires_after_all_time_is_refused() -> None:
    headers = {"authorization": f"Bearer {factories.key().secret}"}
    body = {"name": "Late", "expires_at": "9999-12-31T23:59:59-12:00"}
    answer = Client().post("/v1/keys", body, content_type="application/json", headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["/audit", "/usage"])
def test_a_page_of_that_time_is_a_page(path: str) -> None:
    membership = factories.membership()
    visitor = Client()
    visitor.force_login(membership.user)
    assert visitor.get(path, {"since": NEVER}).status_code == 200
