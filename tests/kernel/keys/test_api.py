"""`/v1/keys`: a program manages keys, never more than its own key may."""

from collections.abc import Callable
from typing import Any

import pytest

from patchbay.kernel.keys import services
from patchbay.kernel.keys.api import router
from patchbay.lib.actor import Actor
from tests import factories
from tests.kernel.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def rest() -> Rest:
    return Rest(router, "keys-test")


@pytest.fixture
def owner() -> Actor:
    return factories.owner(plan="pro")


@pytest.fixture
def manager(owner: Actor) -> str:
    return factories.key(owner, name="Manager").secret


def test_a_key_is_made_listed_and_revoked(rest: Rest, manager: str) -> None:
    wanted = {"name": "Nightly", "permission": "read_only", "expires_at": "2999-01-01T00:00:00Z"}
    status, made = rest.call("POST", "/", key=manager, body=wanted)
    assert status == 201
    assert made["secret"].startswith(made["prefix"])
    assert (made["state"], made["expires_at"], made["plug_id"]) == ("active", "2999-01-01T00:00:00Z", None)
    assert services.authenticate(made["secret"]).key_id == made["id"]
    status, listed = rest.call("GET", "/?limit=1", key=manager)
    assert [key["name"] for key in listed["data"]] == ["Nightly"]
    assert "secret" not in listed["data"][0]
    assert listed["next_cursor"]
    status, revoked = rest.call("DELETE", f"/{made['id']}", key=manager)
    assert (status, revoked["state"]) == (200, "revoked")


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"name": " "}, "invalid"),
        ({"name": "Old", "expires_at": "2001-01-01T00:00:00Z"}, "invalid"),
    ],
)
def test_a_key_that_cannot_be_is_refused(rest: Rest, manager: str, terms: dict[str, Any], code: str) -> None:
    status, refusal = rest.call("POST", "/", key=manager, body=terms)
    assert (status, refusal["code"]) == (422, code)
    assert refusal["errors"]


def test_a_key_is_limited_changed_and_rotated(rest: Rest, manager: str) -> None:
    wanted = {"name": "Bot", "requests_per_minute": 30, "monthly_cap": "12.5"}
    status, made = rest.call("POST", "/", key=manager, body=wanted)
    assert (status, made["requests_per_minute"], made["monthly_cap"], made["monthly_spent"]) == (
        201, 30, "12.500000", "0.000000",
    )  # fmt: skip
    status, changed = rest.call("PATCH", f"/{made['id']}", key=manager, body={"monthly_cap": 3})
    assert (status, changed["requests_per_minute"], changed["monthly_cap"]) == (200, 30, "3.000000")
    status, lifted = rest.call("PATCH", f"/{made['id']}", key=manager, body={"monthly_cap": None, "name": "Robot"})
    assert (lifted["name"], lifted["monthly_cap"], lifted["monthly_spent"]) == ("Robot", None, None)
    status, rotated = rest.call("POST", f"/{made['id']}/rotate", key=manager, body={"overlap_seconds": 60})
    assert (status, rotated["id"], rotated["secret"] != made["secret"]) == (200, made["id"], True)
    assert rotated["previous_secret_until"]
    assert services.authenticate(made["secret"]).key_id == services.authenticate(rotated["secret"]).key_id


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"requests_per_minute": 5_000}, "requests_per_minute"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"monthly_cap": "-1"}, "monthly_cap"),
        ({"monthly_cap": "0.0000001"}, "monthly_cap"),
        ({"name": ""}, "name"),
    ],
)
def test_a_change_that_cannot_be_names_the_field(
    rest: Rest, owner: Actor, manager: str, body: dict[str, Any], field: str
) -> None:
    status, refusal = rest.call("PATCH", f"/{factories.key(owner).key.id}", key=manager, body=body)
    assert status == 422
    assert field in str(refusal)


CALLS: list[Callable[[Rest, str, str], tuple[int, Any]]] = [
    lambda rest, key, _: rest.call("GET", "/", key=key),
    lambda rest, key, _: rest.call("POST", "/", key=key, body={"name": "More"}),
    lambda rest, key, target: rest.call("DELETE", f"/{target}", key=key),
    lambda rest, key, target: rest.call("PATCH", f"/{target}", key=key, body={"name": "Other"}),
    lambda rest, key, target: rest.call("POST", f"/{target}/rotate", key=key, body={}),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("limits", [{"permission": "read_only"}, {"plug_id": "plug_1"}])
def test_a_narrow_key_manages_no_keys(
    rest: Rest, owner: Actor, call: Callable[[Rest, str, str], tuple[int, Any]], limits: dict[str, Any]
) -> None:
    narrow = factories.key(owner, **limits)
    status, _ = call(rest, narrow.secret, factories.key(owner).key.id)
    assert status == 403


def test_a_test_key_makes_test_keys_only(rest: Rest, owner: Actor) -> None:
    test = factories.key(owner, environment="test").secret
    assert rest.call("POST", "/", key=test, body={"name": "T", "environment": "test"})[0] == 201
    assert rest.call("POST", "/", key=test, body={"name": "L", "environment": "live"})[0] == 403


def test_a_strangers_key_finds_nothing(rest: Rest, owner: Actor) -> None:
    ours = factories.key(owner)
    stranger = factories.key().secret
    assert rest.call("DELETE", f"/{ours.key.id}", key=stranger)[0] == 404
    assert rest.call("PATCH", f"/{ours.key.id}", key=stranger, body={"name": "Mine"})[0] == 404
    assert rest.call("POST", f"/{ours.key.id}/rotate", key=stranger, body={"overlap_seconds": 0})[0] == 404
    assert [key["name"] for key in rest.call("GET", "/", key=stranger)[1]["data"]] == ["Key"]
    assert services.authenticate(ours.secret)
