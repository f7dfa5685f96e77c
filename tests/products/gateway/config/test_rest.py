"""`/v1/gateway`: own providers and models by REST, for who may, and never a secret."""

from typing import Any

import pytest

from patchbay.products.gateway import queries
from patchbay.products.gateway.api.rest import router
from tests import factories
from tests.kernel.rest import Rest

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "sk-write-only-0123456789wxyz"
PROVIDER = {"name": "mine", "kind": "openai", "api_key": SECRET}
rest = Rest(router, "gateway-config")


@pytest.fixture
def key() -> str:
    """A live key of full permission that an owner made."""
    return factories.key().secret


def made(key: str) -> tuple[Any, Any]:
    status, provider = rest.call("POST", "/providers", key=key, body=PROVIDER)
    assert status == 201
    target = {"provider": "mine", "model": "gpt-4o"}
    status, model = rest.call("POST", "/models", key=key, body={"name": "fast", "targets": [target]})
    assert status == 201
    return provider, model


def test_a_provider_and_a_model_are_made_read_changed_and_removed(key: str) -> None:
    provider, model = made(key)
    assert provider["keys"][0]["hint"] == SECRET[-4:]
    assert rest.call("GET", f"/providers/{provider['id']}", key=key) == (200, provider)
    assert rest.call("GET", "/providers", key=key)[1]["data"] == [provider]
    assert rest.call("GET", "/models", key=key)[1]["data"] == [model]
    status, changed = rest.call(
        "PATCH", f"/providers/{provider['id']}", key=key, body={"requests_per_minute": 60, "name": "renamed"}
    )
    assert (status, changed["requests_per_minute"], changed["name"]) == (200, 60, "renamed")
    assert changed["keys"] == provider["keys"], "what was left out stays"
    body = {"targets": [{"provider": "renamed", "model": "a"}, {"provider": "renamed", "model": "b", "order": 1}]}
    status, changed = rest.call("PATCH", f"/models/{model['id']}", key=key, body=body)
    assert [target["model"] for target in changed["targets"]] == ["a", "b"]
    assert rest.call("DELETE", f"/providers/{provider['id']}", key=key)[0] == 409, "a model leads to it"
    assert rest.call("DELETE", f"/models/{model['id']}", key=key) == (204, None)
    assert rest.call("DELETE", f"/providers/{provider['id']}", key=key) == (204, None)
    assert rest.call("GET", f"/providers/{provider['id']}", key=key)[0] == 404


def test_keys_are_added_replaced_and_removed_without_being_shown(key: str) -> None:
    provider, _ = made(key)
    path = f"/providers/{provider['id']}/keys"
    status, second = rest.call("POST", path, key=key, body={"api_key": "sk-second-0123456789abcd", "weight": 3})
    assert (status, second["hint"], second["weight"]) == (201, "abcd", 3)
    status, second = rest.call("PUT", f"{path}/{second['id']}", key=key, body={"api_key": "sk-third-0123456789efgh"})
    assert (status, second["hint"], second["weight"]) == (200, "efgh", 3)
    status, second = rest.call("PATCH", f"{path}/{second['id']}", key=key, body={"enabled": False})
    assert (status, second["enabled"], second["weight"]) == (200, False, 3)
    assert rest.call("DELETE", f"{path}/{provider['keys'][0]['id']}", key=key)[0] == 204
    _, left = rest.call("GET", f"/providers/{provider['id']}", key=key)
    assert left["keys"] == [second]
    assert "sk-" not in str(left)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (PROVIDER | {"base_url": "http://api.example.com/v1"}, ["base_url"]),
        (PROVIDER | {"base_url": "https://127.0.0.1/v1"}, ["base_url"]),
        (PROVIDER | {"base_url": "https://[::ffff:10.0.0.1]/v1"}, ["base_url"]),
        (PROVIDER | {"base_url": "https://user:pw@api.example.com/v1"}, ["base_url"]),
        (PROVIDER | {"base_url": "https://localhost/v1"}, ["base_url"]),
        (PROVIDER | {"name": "two words"}, ["name"]),
        (PROVIDER | {"api_key": "two\nlines"}, ["api_key"]),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(key: str, body: dict[str, Any], fields: list[str]) -> None:
    status, problem = rest.call("POST", "/providers", key=key, body=body)
    assert status == 422
    assert [error["field"] for error in problem["errors"]] == fields
    assert "two\nlines" not in str(problem)


def test_a_model_that_cannot_be_names_what_is_wrong(key: str) -> None:
    made(key)
    target = {"provider": "mine", "model": "m"}
    for body, field in [
        ({"name": "plug/mine", "targets": [target]}, "name"),
        ({"name": "patchbay/offline", "targets": [target]}, "name"),
        ({"name": "two words", "targets": [target]}, "name"),
        ({"name": "ok", "targets": [target, target]}, "targets.1"),
        ({"name": "ok", "targets": [{"provider": "openai", "model": "m"}]}, "targets.0.provider"),
    ]:
        status, problem = rest.call("POST", "/models", key=key, body=body)
        assert (status, problem["errors"][0]["field"]) == (422, field)
    assert rest.call("POST", "/models", key=key, body={"name": "fast", "targets": [target]})[0] == 409


def test_rules_are_changed_and_hold(key: str) -> None:
    status, rules = rest.call("PATCH", "/rules", key=key, body={"allowed_models": ["fast"], "log_bodies": True})
    assert (status, rules["allowed_models"], rules["log_bodies"], rules["cut_policy"]) == (
        200,
        ["fast"],
        True,
        "read_on",
    )
    status, rules = rest.call("PATCH", "/rules", key=key, body={"body_days": 30})
    assert (rules["allowed_models"], rules["body_days"]) == (["fast"], 30)
    assert rest.call("PATCH", "/rules", key=key, body={"allowed_models": None})[1]["allowed_models"] is None


def test_prices_tell_what_the_organisation_pays(key: str) -> None:
    made(key)
    status, prices = rest.call("GET", "/prices", key=key)
    rates = {model["model"]: {rate["item"]: rate for rate in model["rates"]} for model in prices["data"]}
    assert status == 200
    assert rates["fast"]["prompt_tokens"]["credits"] == "0.000000", "its own provider is paid by itself"
    assert rates["patchbay/offline"]["prompt_tokens"]["credits"] == "1.000000"


def test_who_may_not_is_refused(key: str) -> None:
    owner = factories.owner(plan="pro")
    plain = factories.member(owner.organisation_id, "editor").actor()
    for maker, how, reading in [
        (owner, {"permission": "read_only"}, 403),
        (owner, {"environment": "test"}, 200),
        (plain, {}, 200),
    ]:
        secret = factories.key(maker, **how).secret
        assert rest.call("GET", "/providers", key=secret)[0] == reading
        assert rest.call("GET", "/prices", key=secret)[0] == 200
        assert rest.call("POST", "/providers", key=secret, body=PROVIDER)[0] == 403
        assert rest.call("PATCH", "/rules", key=secret, body={"log_bodies": True})[0] == 403
    assert queries.list_providers(owner.organisation_id) == []


def test_another_organisations_things_are_not_there(key: str) -> None:
    provider, model = made(key)
    stranger = factories.key().secret
    for method, path, body in [
        ("GET", f"/providers/{provider['id']}", None),
        ("PATCH", f"/providers/{provider['id']}", {"enabled": False}),
        ("DELETE", f"/providers/{provider['id']}", None),
        ("POST", f"/providers/{provider['id']}/keys", {"api_key": "sk-0123456789"}),
        ("POST", f"/providers/{provider['id']}/test", None),
        ("PATCH", f"/models/{model['id']}", {"enabled": False}),
        ("DELETE", f"/models/{model['id']}", None),
    ]:
        assert rest.call(method, path, key=stranger, body=body)[0] == 404
    assert rest.call("GET", "/providers", key=stranger)[1]["data"] == []
