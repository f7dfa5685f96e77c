"""The list of models in Anthropic's shape, a page at a time, as its own SDK asks for it."""

from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic, BadRequestError, NotFoundError

from patchbay.products.gateway.engine import registry
from tests.asgi import call
from tests.products.gateway.api.conftest import House

NAMES = [f"model-{number:02}" for number in range(45)]
HEADERS = {"authorization": "Bearer sme_live_one"}


@pytest.fixture
def client(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncAnthropic:
    monkeypatch.setattr(registry, "list_local_names", lambda organisation_id, plug_id: [])
    for name in NAMES:
        house.alias(name, ("anthropic", "claude"))
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=house.app))
    return AsyncAnthropic(base_url="http://patchbay.test", api_key="sme_live_one", http_client=http, max_retries=0)


@pytest.mark.parametrize("limit", [{}, {"limit": 1}, {"limit": 7}, {"limit": 45}, {"limit": 1000}])
async def test_the_sdk_turns_every_page(client: AsyncAnthropic, limit: dict[str, Any]) -> None:
    assert [model.id async for model in client.models.list(**limit)] == NAMES


async def test_the_sdk_turns_the_pages_backwards(client: AsyncAnthropic) -> None:
    first = await client.models.list(before_id=NAMES[40], limit=30)
    assert [model.id for model in first.data] == NAMES[10:40]
    assert first.has_more
    rest = await first.get_next_page()
    assert [model.id for model in rest.data] == NAMES[:10]
    assert not rest.has_next_page()


async def test_a_page_says_where_it_begins_and_ends(client: AsyncAnthropic) -> None:
    page = await client.models.list()
    assert (len(page.data), page.first_id, page.last_id, page.has_more) == (20, NAMES[0], NAMES[19], True)
    last = await client.models.list(after_id=NAMES[39], limit=5)
    assert (len(last.data), last.has_more) == (5, False)
    none = await client.models.list(after_id=NAMES[-1])
    assert (none.data, none.first_id, none.last_id, none.has_more) == ([], None, None, False)


async def test_a_page_goes_on_though_the_model_it_ended_with_has_gone(client: AsyncAnthropic, house: House) -> None:
    del house.aliases[NAMES[19]]
    page = await client.models.list(after_id=NAMES[19], limit=2)
    assert [model.id for model in page.data] == NAMES[20:22]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=%C2%B2", "limit=99999999999"])
async def test_a_limit_that_cannot_be_is_refused_in_anthropics_shape(
    client: AsyncAnthropic, house: House, query: str
) -> None:
    headers = HEADERS | {"anthropic-version": "2023-06-01"}
    answer = await call(house.app, "GET", f"/v1/models?{query}", headers=headers)
    assert answer.status == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "limit" in answer.json()["error"]["message"]


async def test_both_directions_at_once_are_refused(client: AsyncAnthropic) -> None:
    with pytest.raises(BadRequestError, match="not both"):
        await client.models.list(after_id=NAMES[1], before_id=NAMES[5])


async def test_one_model_by_its_name(client: AsyncAnthropic, house: House) -> None:
    name = house.alias("team/fast", ("anthropic", "claude"))
    assert (await client.models.retrieve(name)).id == name
    with pytest.raises(NotFoundError):
        await client.models.retrieve("made-up")


async def test_openais_list_is_whole(client: AsyncAnthropic, house: House) -> None:
    answer = await call(house.app, "GET", "/v1/models?limit=2", headers=HEADERS)
    assert [model["id"] for model in answer.json()["data"]] == NAMES
