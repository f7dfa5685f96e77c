"""`Idempotency-Key` at the REST doors: who may not do a thing is not told what became of it either."""

from typing import Any

import pytest
from django.test import Client

from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ledger_runtime")]


def post(secret: str, key: str = "once") -> Any:
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": key}
    return Client().post("/v1/plugs", {"name": "Quay rules"}, content_type="application/json", headers=headers)


def test_a_repeat_is_done_once_and_answered_alike() -> None:
    secret = factories.key().secret
    first, again = post(secret), post(secret)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("less", [{"permission": "read_only"}, {"environment": "test"}])
def test_a_key_that_may_do_less_does_not_get_the_answer_of_another(less: dict[str, Any]) -> None:
    owner = factories.owner()
    first = post(factories.key(owner).secret)
    again = post(factories.key(owner, **less).secret)
    assert again.status_code == 422
    assert first.json()["id"] not in again.content.decode()
