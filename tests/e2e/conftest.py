"""A real browser before the real application, on the test database, with a model whose words are scripted.

Chromium is Debian's. The browser starts after the rows a test needs are there and ends before they are emptied:
its own event loop would keep the ORM from being used in this thread.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from patchbay.kernel.accounts.models import Membership
from patchbay.lib.asgi.routing import Dispatcher
from patchbay.products.gateway.api import routes
from patchbay.products.gateway.contracts import OFFLINE_MODEL
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.wire.contracts import TokenUsage
from patchbay.products.plugs.api import chat
from tests import factories
from tests.fakes.model import FakeModel

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARTS_WITHIN = 20.0
_NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


@dataclass
class Site:
    """A running Patchbay and the owner of its one organisation."""

    base_url: str
    owner: Membership
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def run(self, function: Callable[..., Any], *arguments: Any, **values: Any) -> Any:
        """Call what uses the database, in a thread that a browser's event loop does not own."""

        def call() -> Any:
            try:
                return function(*arguments, **values)
            finally:
                connections.close_all()

        return self._thread.submit(call).result(timeout=60)

    def says(self, *pieces: str) -> None:
        """Let the model write this from now on, by the answer protocol."""
        usage = TokenUsage(prompt=1200, completion=34, cached=0)
        registry.register_local(OFFLINE_MODEL, FakeModel(*pieces, usage=usage))

    def fails(self, error: Exception) -> None:
        """Let the model fail before its first word from now on."""
        registry.register_local(OFFLINE_MODEL, FakeModel("never said", error=error))


@pytest.fixture
def site(ledger_runtime: Any, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[Site]:
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    settings.MODEL = ""
    cache.clear()  # the limits of sign-ins count in it
    owner = factories.membership(company="Larkfield Group", email="mara@larkfield.example", name="Mara Lindqvist")
    server = uvicorn.Server(
        uvicorn.Config(
            Dispatcher((*routes.ROUTES, *chat.ROUTES), get_asgi_application()),
            port=0,
            log_level="warning",
            log_config=None,
            lifespan="off",
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield Site(f"http://localhost:{_port(server)}", owner)
    finally:
        server.should_exit = True
        thread.join(timeout=STARTS_WITHIN)


def _port(server: uvicorn.Server) -> int:
    """Wait until the server listens; it says so nowhere but in its state."""
    deadline = time.monotonic() + STARTS_WITHIN
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@dataclass
class Window:
    """A page of the browser, and what must not happen on it."""

    page: Page
    site: Site
    scripts: bool = True
    faults: list[str] = field(default_factory=list)
    _loading: set[Request] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._note_message)
        self.page.on("request", self._note_request)
        self.page.on("requestfinished", lambda request: self._loading.discard(request))
        self.page.on("requestfailed", lambda request: self._loading.discard(request))

    def _note_message(self, message: Any) -> None:
        if message.type == "error" and "status of 422" not in message.text:  # a refused form is no fault of the page
            self.faults.append(message.text)

    def _note_request(self, request: Request) -> None:
        self._loading.add(request)
        if urlsplit(request.url).hostname not in {"localhost", None}:
            self.faults.append(f"a request to {request.url}")

    def go(self, path: str) -> Page:
        """Open a page and return once nothing that it asked for is on its way."""
        self.page.goto(self.site.base_url + path)
        if not self.scripts:
            return self.page
        deadline = time.monotonic() + STARTS_WITHIN
        self.page.evaluate(_NEXT_FRAME)
        while self._loading:
            assert time.monotonic() < deadline, f"{path} still loads {[request.url for request in self._loading]}"
            self.page.evaluate(_NEXT_FRAME)
        return self.page

    def sign_in(self) -> Page:
        self.go("/login")
        self.page.get_by_label("E-mail").fill("mara@larkfield.example")
        self.page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/dashboard")
        return self.page


@pytest.fixture
def opened(site: Site) -> Iterator[Callable[..., Window]]:
    """Open windows by width and theme; each must end without a fault."""
    windows: list[Window] = []
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)

        def open_window(width: int = 1440, theme: Any = "light", *, scripts: bool = True) -> Window:
            context: BrowserContext = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=theme,
                reduced_motion="reduce",
                java_script_enabled=scripts,
            )
            windows.append(Window(context.new_page(), site, scripts))
            return windows[-1]

        yield open_window
        browser.close()
    assert [fault for window in windows for fault in window.faults] == []
