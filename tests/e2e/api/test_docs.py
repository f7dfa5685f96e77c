"""What the docs page shows is copied and run as it stands: each command and each snippet gets its answer."""

import os
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from tests.e2e.api.conftest import Served

DOORS = {
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/embeddings",
    "/v1/models",
}
CLIENT = Path(__file__).parents[3] / "clients" / "python" / "src"


class Copied(HTMLParser):
    """Collects what the page's copy buttons copy: texts of their own, and the code beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if text := dict(attrs).get("data-copy-text"):
            self.texts.append(text)
        if tag == "pre":
            self._within = True
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self._within:
            self.texts[-1] += data


@pytest.fixture(scope="module")
def copied(served: Served) -> list[str]:
    page = Copied()
    page.feed(httpx.get(f"{served.base_url}/docs").text)
    return page.texts


def sent(command: str, api_key: str) -> httpx.Response:
    """Send what a shell would have curl send."""
    words = shlex.split(command.replace("\\\n", "").replace("$SME_API_KEY", api_key))
    options = list(zip(words[2::2], words[3::2], strict=True))
    headers = dict(word.split(": ", 1) for flag, word in options if flag == "-H")
    body = dict(options).get("-d")
    return httpx.request("POST" if body else "GET", words[1], headers=headers, content=body, timeout=60)


def test_every_door_has_a_command_that_works(served: Served, copied: list[str]) -> None:
    answers = [sent(text, served.api_key) for text in copied if text.startswith("curl ")]
    assert {answer.url.path for answer in answers} == {"/v1/chat", *DOORS}
    assert [answer.text for answer in answers if answer.status_code != 200] == []


@pytest.mark.parametrize("sdk", ["smeplug", "openai", "anthropic"])
def test_the_snippet_of_each_client_works(served: Served, copied: list[str], sdk: str) -> None:
    [snippet] = [text for text in copied if f"from {sdk} import" in text]
    environment = os.environ | {"SME_API_KEY": served.api_key, "PYTHONPATH": str(CLIENT)}
    command = [sys.executable, "-c", snippet]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "four per cent (4%)" in said
