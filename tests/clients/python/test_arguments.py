"""A wrong argument is refused where it is passed, by its name, and nothing is sent."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from smeplug import AsyncSMEPlug, ConfigurationError, SMEPlug

from tests.fakes.patchbay_api import API_KEY, FakePatchbay

HALF = "half \ud800"
NO_TEXT: tuple[Any, ...] = (5, b"x", 1.5, True, [], {}, HALF)
NO_NUMBER: tuple[Any, ...] = ("5", b"5", 1.5, True, [], -1)

Ask = Callable[[Any, Any], Any]
TEXTS: dict[str, Ask] = {
    "question": lambda plug, bad: plug.chat(bad),
    "session_id": lambda plug, bad: plug.chat("Hi", session_id=bad),
    "plugin_id": lambda plug, bad: plug.chat("Hi", plugin_id=bad),
    "idempotency_key": lambda plug, bad: plug.chat("Hi", idempotency_key=bad),
    "question, streamed": lambda plug, bad: plug.stream(bad),
    "plugin_id, streamed": lambda plug, bad: plug.stream("Hi", plugin_id=bad),
    "name": lambda plug, bad: plug.plugs.create(name=bad),
    "slug": lambda plug, bad: plug.plugs.create(name="Hi", slug=bad),
    "domain": lambda plug, bad: plug.plugs.create(name="Hi", domain=bad),
    "description": lambda plug, bad: plug.plugs.create(name="Hi", description=bad),
    "an id": lambda plug, bad: plug.plugs.get(bad),
    "cursor": lambda plug, bad: plug.sessions.list(cursor=bad),
    "filename": lambda plug, bad: plug.documents.upload(b"x", filename=bad),
    "plugin_id of an upload": lambda plug, bad: plug.documents.upload(b"x", filename="a.txt", plugin_id=bad),
    "document": lambda plug, bad: plug.documents.wait(bad),
    "an id of a session": lambda plug, bad: plug.sessions.delete(bad),
    "an id of a key": lambda plug, bad: plug.keys.revoke(bad),
    "name of a key": lambda plug, bad: plug.keys.update("key_1", name=bad),
}
NUMBERS: dict[str, Ask] = {
    "limit": lambda plug, bad: plug.plugs.list(limit=bad),
    "version": lambda plug, bad: plug.documents.text("doc_1", bad),
    "overlap_seconds": lambda plug, bad: plug.keys.rotate("key_1", overlap_seconds=bad),
    "requests_per_minute": lambda plug, bad: plug.keys.update("key_1", requests_per_minute=bad),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_text_is_refused(plug: Any, fake: FakePatchbay, name: str) -> None:
    for bad in NO_TEXT:
        with pytest.raises(
            (TypeError, ValueError), match=f"^{name.partition(' of ')[0].partition(',')[0]} (must|holds)"
        ):
            TEXTS[name](plug, bad)
    assert fake.requests == []


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_whole_number_is_refused(plug: Any, fake: FakePatchbay, name: str) -> None:
    for bad in NO_NUMBER:
        with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
            NUMBERS[name](plug, bad)
    assert fake.requests == []


@pytest.mark.parametrize("bad", [1.5, True, b"1", [], Decimal("NaN"), Decimal("inf"), HALF])
def test_an_amount_that_is_not_exact_is_refused(plug: Any, fake: FakePatchbay, bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^monthly_cap (must|holds)"):
        plug.keys.update("key_1", monthly_cap=bad)
    assert fake.requests == []


@pytest.mark.parametrize("bad", ["5", None, True, -1, float("nan")])
def test_a_time_to_wait_that_is_none_is_refused(plug: Any, fake: FakePatchbay, bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^timeout must be a number of seconds"):
        plug.documents.wait("doc_1", timeout=bad)


def test_half_a_character_is_refused_with_what_to_do(plug: Any) -> None:
    with pytest.raises(ValueError, match=r"^question holds half a surrogate pair at 5.* decode with errors='replace'"):
        plug.chat(HALF)


SETTINGS: dict[str, tuple[Any, ...]] = {
    "api_key": (5, b"x", True, [], {}, HALF),
    "base_url": (
        5,
        b"x",
        [],
        HALF,
        "http://x:port",
        "http://[x",
        "http://x\n.example",
        "http://x:99999",
        "http://\u2603\ufffe.example",
    ),
    "plugin_id": (5, b"x", [], HALF),
    "timeout": ("5", None, True, 0, -1, float("nan"), float("inf"), 1e30),
    "max_retries": ("2", None, 1.5, True, -1),
    "sleep": (5,),
}


@pytest.mark.parametrize("kind", [SMEPlug, AsyncSMEPlug])
@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, values in SETTINGS.items() for bad in values])
def test_a_client_is_not_made_of_wrong_arguments(kind: Any, name: str, bad: Any) -> None:
    words = "the API key|api_key" if name == "api_key" else name
    with pytest.raises(ConfigurationError, match=words):
        kind(**{"api_key": API_KEY, name: bad})


def test_the_environment_is_checked_as_arguments_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SME_PLUGIN_ID", os.fsdecode(b"legal\xff"))
    with pytest.raises(ConfigurationError, match="SME_PLUGIN_ID holds half"):
        SMEPlug(API_KEY)


def test_a_text_file_in_any_dress_is_refused(plug: Any, fake: FakePatchbay) -> None:
    with io.StringIO("text") as plain, tempfile.SpooledTemporaryFile(mode="w+") as spooled:
        for source in (plain, spooled):
            with pytest.raises(TypeError, match="binary mode"):
                plug.documents.upload(source, filename="a.txt")
    assert fake.requests == []


def test_a_file_whose_name_is_not_utf_8_is_sent(plug: Any, fake: FakePatchbay, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"lease\xff.md")
    path.write_bytes(b"# Lease")
    plug.documents.upload(path)
    assert 'filename="lease\ufffd.md"'.encode() in fake.requests[0].body


def test_a_path_that_is_none_is_refused(plug: Any) -> None:
    with pytest.raises(ValueError, match="is no path"):
        plug.documents.upload(HALF)
