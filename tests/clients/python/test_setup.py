"""Setting a client up, and what importing the package costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import smeplug
from smeplug import AsyncSMEPlug, ConfigurationError, SMEPlug

from tests.fakes.patchbay_api import API_KEY, FakePatchbay


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SME_API_KEY", API_KEY)
    monkeypatch.setenv("SME_BASE_URL", "http://localhost:9/v1/")
    monkeypatch.setenv("SME_PLUGIN_ID", "legal-v1")
    with SMEPlug() as found, SMEPlug(base_url="https://x.example/p/", plugin_id="mine") as given:
        assert repr(found) == "SMEPlug(base_url='http://localhost:9', plugin_id='legal-v1')"
        assert repr(given) == "SMEPlug(base_url='https://x.example/p', plugin_id='mine')"


def test_by_default_the_public_service_is_asked() -> None:
    with SMEPlug(API_KEY) as client:
        assert (client.base_url, client.plugin_id) == ("https://api.smeplug.dev", None)


@pytest.mark.parametrize("kind", [SMEPlug, AsyncSMEPlug])
@pytest.mark.parametrize("key", [None, "", "  \n", "sme_live_ключ", "sme_live_1 2", "sme_live_1\r\nX: y"])
def test_a_key_that_is_none_is_refused_without_being_shown(kind: Any, key: str | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind(key)
    assert "sme_live" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["api.smeplug.dev", "ftp://x", "https://", "https://me:pw@x", "https://x/?a=1", "https://x/#a"]
)
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        SMEPlug(API_KEY, base_url=url)


def test_the_end_of_line_of_a_key_file_is_not_part_of_the_key(connect: Any, fake: FakePatchbay) -> None:
    assert connect(api_key=f" {API_KEY}\n").me().organisation_id == "org_1"
    assert fake.requests[0].headers["authorization"] == f"Bearer {API_KEY}"


def test_a_client_is_closed_with_its_with_block(connect: Any) -> None:
    with connect() as client:
        client.me()
    with pytest.raises(RuntimeError, match="closed"):
        client.me()


def test_the_http_library_is_imported_with_the_first_client_only() -> None:
    code = (
        "import sys, smeplug; heavy = {'httpx', 'asyncio', 'ssl'} & set(sys.modules); assert not heavy, heavy;"
        f"smeplug.SMEPlug({API_KEY!r}); assert 'httpx' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30, env={"PYTHONPATH": _source().as_posix()})


def test_the_package_stands_alone() -> None:
    """Besides the standard library it imports httpx and itself, and never the server."""
    imported = set()
    for path in (_source() / "smeplug").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert imported - sys.stdlib_module_names == {"httpx", "smeplug"}


def test_both_clients_have_the_same_surface() -> None:
    with SMEPlug(API_KEY) as client:
        twin = AsyncSMEPlug(API_KEY)
        for holder in ("", "plugs", "documents", "sessions", "credits", "usage"):
            pair = [getattr(each, holder) if holder else each for each in (client, twin)]
            assert _surface(pair[0]) == _surface(pair[1])


def _surface(holder: object) -> dict[str, list[str]]:
    import inspect

    methods = inspect.getmembers(type(holder), inspect.isfunction)
    return {n: list(inspect.signature(m).parameters) for n, m in methods if not n.startswith("_")}


def _source() -> Path:
    assert smeplug.__file__ is not None
    return Path(smeplug.__file__).parent.parent
