"""What a vendor charges beyond tokens: refused where the platform would pay it, passed on where the asker does."""

from dataclasses import replace
from typing import Any

import pytest

from patchbay.products.gateway.contracts import OFFLINE_MODEL
from tests.products.gateway.api.conftest import House

SEARCH = {"type": "web_search"}
ANTHROPIC_SEARCH = {"type": "web_search_20250305", "name": "web_search"}
UNPRICED: list[tuple[str, Any, str, dict[str, Any], str]] = [
    ("chat", "openai", "gpt", {"service_tier": "priority"}, "service_tier"),
    ("chat", "openai", "gpt", {"service_tier": "fast"}, "service_tier"),
    ("chat", "openai", "gpt", {"web_search_options": {}}, "web_search_options"),
    ("responses", "openai", "gpt", {"service_tier": "priority"}, "service_tier"),
    ("responses", "openai", "gpt", {"tools": [SEARCH]}, "tools[0]"),
    ("responses", "openai", "gpt", {"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "tools[0]"),
    ("responses", "openai", "gpt", {"tools": [{"type": "made_up_next_year"}]}, "tools[0]"),
    ("messages", "anthropic", "claude", {"tools": [ANTHROPIC_SEARCH]}, "tools[0]"),
    ("messages", "anthropic", "claude", {"speed": "fast"}, "speed"),
    ("messages", "anthropic", "claude", {"inference_geo": "us"}, "inference_geo"),
    ("messages", "anthropic", "claude", {"service_tier": "made_up"}, "service_tier"),
]
PLAIN: list[tuple[str, Any, str, dict[str, Any]]] = [
    ("chat", "openai", "gpt", {"service_tier": "flex"}),
    ("chat", "openai", "gpt", {"service_tier": None}),
    ("responses", "openai", "gpt", {"service_tier": "auto"}),
    ("messages", "anthropic", "claude", {"service_tier": "standard_only"}),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("door", "kind", "model", "fields", "at"), UNPRICED)
async def test_what_no_price_covers_is_refused_by_name_and_nobody_is_asked(
    house: House, door: str, kind: Any, model: str, fields: dict[str, Any], at: str, stream: bool
) -> None:
    answer = await house.ask(door, house.alias("m", (kind, model)), stream=stream, **fields)
    assert answer.status == 400
    error = answer.json()["error"]
    if door == "messages":
        assert error["type"] == "invalid_request_error"
    else:
        assert (error["param"], error["code"]) == (at, "unsupported_parameter")
    assert "price" in error["message"]
    assert error["message"].startswith(f"{at}: ")
    assert not house.openai.calls
    assert not house.anthropic.calls
    assert not house.meter.amounts


@pytest.mark.parametrize(("door", "kind", "model", "fields"), PLAIN)
async def test_what_costs_no_more_is_passed_on(
    house: House, door: str, kind: Any, model: str, fields: dict[str, Any]
) -> None:
    answer = await house.ask(door, house.alias("m", (kind, model)), **fields)
    assert answer.status == 200
    [call] = house.openai.calls + house.anthropic.calls
    [(name, value)] = fields.items()
    assert call.body[name] == value


async def test_an_organisation_with_its_own_key_pays_the_vendor_itself(house: House) -> None:
    alias = house.alias("m", ("openai", "gpt"), ("openai", "gpt"))
    first, second = house.aliases[alias].targets
    own = replace(second, provider=replace(second.provider, id="prov_own", name="own", organisation_id="org_1"))
    house.aliases[alias] = replace(house.aliases[alias], targets=(first, own))
    answer = await house.ask("chat", alias, service_tier="priority")
    assert (answer.status, answer.headers["x-patchbay-provider"]) == (200, "own")
    assert house.openai.calls[0].body["service_tier"] == "priority"
    plain = await house.ask("chat", alias)
    assert plain.headers["x-patchbay-provider"] == "openai"


async def test_another_organisations_key_is_not_for_it(house: House) -> None:
    alias = house.alias("m", ("openai", "gpt"), provider={"organisation_id": "org_2"})
    assert (await house.ask("chat", alias, service_tier="priority")).status == 400


async def test_the_built_in_model_charges_for_no_tier(house: House) -> None:
    assert (await house.ask("chat", OFFLINE_MODEL, service_tier="priority")).status == 200
