"""A fake Patchbay, and a client of it: every test that takes `plug` or `connect` runs with both clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from smeplug import AsyncSMEPlug, SMEPlug

from tests.clients.python.blocking import Blocking
from tests.fakes.patchbay_api import API_KEY, FakePatchbay


@pytest.fixture
def fake() -> Iterator[FakePatchbay]:
    server = FakePatchbay()
    yield server
    server.close()
    assert server.violations == []


@pytest.fixture
def slept() -> list[float]:
    """The pauses that the client asked for; none of them is really slept."""
    return []


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, fake: FakePatchbay, slept: list[float]) -> Iterator[Callable[..., Any]]:
    """Makes a client of the fake; keyword arguments as for the client itself."""
    loop = asyncio.new_event_loop()
    opened: list[Any] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    def make(**options: Any) -> Any:
        options = {"api_key": API_KEY, "base_url": fake.base_url, "timeout": 5.0, **options}
        if request.param == "sync":
            opened.append(SMEPlug(**options, sleep=slept.append))
        else:
            opened.append(Blocking(AsyncSMEPlug(**options, sleep=note), loop))
        return opened[-1]

    yield make
    for client in opened:
        client.close()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def plug(connect: Callable[..., Any]) -> Any:
    """A client whose plug is `legal-v1`."""
    return connect(plugin_id="legal-v1")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SME_API_KEY", "SME_BASE_URL", "SME_PLUGIN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # a proxy of the machine would stand between us and the fake
