"""`patchbay provider`, `model`, `price`: for scripts, in words for people, known to a running process at once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from patchbay.config.cli import _parser, main
from patchbay.products.gateway import queries
from patchbay.products.gateway.models import ProviderKey
from patchbay.products.gateway.services import encryption
from tests import factories
from tests.config.conftest import Run

SECRET = "sk-from-a-script-0123456789abcd"


def add_openai(patchbay: Run) -> None:
    added = patchbay("provider", "add", "openai", "--kind", "openai", "--api-key-stdin", stdin=SECRET + "\n")
    assert added[0] == 0


def test_a_provider_and_a_model_are_added_and_serve(patchbay: Run) -> None:
    add_openai(patchbay)
    status, out, _ = patchbay("model", "add", "fast", "--target", "openai/gpt-4o", "--weight", "2")
    assert (status, out) == (0, "fast → openai/gpt-4o\n")
    target = queries.get_catalogue("org_any").aliases["fast"].targets[0]
    assert (target.model, target.weight, target.provider.keys[0].secret) == ("gpt-4o", 2, SECRET)


def test_scripts_may_run_twice(patchbay: Run) -> None:
    for limit in ("5", "7"):
        words = ("provider", "add", "openai", "--kind", "openai", "--max-concurrent", limit, "--rpm", "60")
        assert patchbay(*words)[0] == 0
        assert patchbay("model", "add", "fast", "--target", "openai/gpt-4o", "--order", limit)[0] == 0
    (provider,) = queries.list_providers(None)
    assert (provider.max_concurrent, provider.requests_per_minute) == (7, 60)
    assert [target.order for target in queries.get_alias(None, "fast").targets] == [7]


def test_lists_are_for_people_and_for_scripts_and_hold_no_secret(patchbay: Run) -> None:
    assert "patchbay provider add" in patchbay("provider", "list")[1], "an empty list says what to do"
    add_openai(patchbay)
    patchbay("model", "add", "fast", "--target", "openai/gpt-4o")
    assert "…abcd" in patchbay("provider", "list")[1]
    (provider,) = json.loads(patchbay("provider", "list", "--json")[1])
    assert (provider["name"], provider["keys"][0]["hint"]) == ("openai", "abcd")
    models = {model["name"]: model for model in json.loads(patchbay("model", "list", "--json")[1])}
    assert models["fast"]["targets"][0]["model"] == "gpt-4o"
    every = patchbay("provider", "list", "--json")[1] + patchbay("model", "list", "--json")[1]
    assert SECRET not in every + patchbay("provider", "list")[1]


def test_an_unknown_provider_names_those_there_are(patchbay: Run) -> None:
    add_openai(patchbay)
    status, _, said = patchbay("model", "add", "fast", "--target", "opnai/gpt-4o")
    assert status == 1
    assert "There is no provider 'opnai'. There are: openai." in said
    assert patchbay("provider", "remove", "opnai")[0] == 1
    status, _, said = patchbay("model", "add", "fast", "--target", "gpt-4o")
    assert (status, "PROVIDER/MODEL" in said) == (1, True)


def test_the_operator_names_loopback_without_a_flag_and_other_private_addresses_with_one(patchbay: Run) -> None:
    def add(name: str, url: str, *flags: str) -> int:
        return patchbay("provider", "add", name, "--kind", "openai", "--base-url", url, *flags)[0]

    assert add("local", "http://127.0.0.1:11434/v1") == 0
    assert add("named", "http://localhost:11434/v1") == 0
    assert add("box", "http://10.0.0.5/v1") == 1
    assert add("box", "http://10.0.0.5/v1", "--allow-private") == 0
    assert [provider.private_allowed for provider in queries.list_providers(None)] == [True] * 3


def test_an_organisation_is_named_by_its_slug_or_id(patchbay: Run) -> None:
    organisation = factories.organisation()
    scope = ("--organisation", organisation.slug)
    assert patchbay("provider", "add", "mine", "--kind", "openai", *scope)[0] == 0
    assert patchbay("model", "add", "fast", "--target", "mine/m", "--organisation", organisation.pk)[0] == 0
    assert queries.get_catalogue(organisation.pk).aliases["fast"].organisation_id == organisation.pk
    assert "fast" not in queries.get_catalogue("org_any").aliases
    status, _, said = patchbay("provider", "list", "--organisation", "nobody")
    assert (status, "There is no organisation 'nobody'" in said) == (1, True)


def test_keys_come_and_go(patchbay: Run) -> None:
    add_openai(patchbay)
    second = "sk-second-0123456789-wxyz"
    assert "…wxyz" in patchbay("provider", "key", "add", "openai", "--weight", "3", stdin=second)[1]
    assert patchbay("provider", "key", "remove", "openai", "abcd")[0] == 0
    assert [(key.hint, key.weight) for key in queries.get_provider(None, "openai").keys] == [("wxyz", 3)]
    assert patchbay("provider", "key", "add", "openai", stdin="")[0] == 1


def test_models_and_targets_are_removed(patchbay: Run) -> None:
    add_openai(patchbay)
    for name in ("a", "b"):
        patchbay("model", "add", "fast", "--target", f"openai/{name}", "--max-prompt-tokens", "9")
    status, _, said = patchbay("model", "remove", "fast", "--target", "openai/c")
    assert (status, "It leads to: openai/a, openai/b." in said) == (1, True)
    assert patchbay("model", "remove", "fast", "--target", "openai/a")[1] == "fast → openai/b\n"
    assert queries.get_alias(None, "fast").targets[0].max_prompt_tokens == 9, "what stays keeps its terms"
    assert patchbay("provider", "remove", "openai")[0] == 1
    assert patchbay("model", "remove", "fast", "--target", "openai/b")[1] == "fast is removed.\n"
    assert patchbay("provider", "remove", "openai")[0] == 0


def test_a_provider_that_is_off_is_passed_over(patchbay: Run) -> None:
    add_openai(patchbay)
    patchbay("model", "add", "fast", "--target", "openai/a")
    assert patchbay("provider", "off", "openai")[0] == 0
    assert "fast" not in queries.get_catalogue("org_any").aliases
    assert patchbay("provider", "on", "openai")[0] == 0
    assert "fast" in queries.get_catalogue("org_any").aliases


def test_prices_are_set_listed_and_unset(patchbay: Run) -> None:
    add_openai(patchbay)
    patchbay("model", "add", "fast", "--target", "openai/a")
    assert patchbay("price", "set", "fast", "prompt_tokens", "1.25", "--per", "1000")[0] == 0
    prices = {price["model"]: price["rates"] for price in json.loads(patchbay("price", "list", "--json")[1])}
    assert prices["fast"]["prompt_tokens"] == {"amount_micro": 1_250_000, "per": 1000}
    assert "1.250000" in patchbay("price", "list")[1]
    assert patchbay("price", "unset", "fast", "prompt_tokens")[0] == 0
    assert "fast" not in patchbay("price", "list")[1]
    for words in (("fast", "prompt_tokens", "1.2345678"), ("fast", "prompt_tokens", "-1"), ("fast", "tokens", "1")):
        with_sign = words if words[2] != "-1" else (*words[:2], "--", words[2])
        assert patchbay("price", "set", *with_sign)[0] == 1
    assert patchbay("price", "vendor", "fast", "--vendor-model", "gpt-4o", "--vendor", "openai")[0] == 0
    for words in (("set", "fats", "prompt_tokens", "1"), ("unset", "fats"), ("vendor", "fats")):
        status, _, said = patchbay("price", *words)
        assert (status, "There is no model 'fats'.\nDid you mean fast?" in said) == (1, True)


def test_encryption_is_rotated(patchbay: Run, settings: Any, tmp_path: Path) -> None:
    settings.ENCRYPTION_KEYS_FILE = tmp_path / "keys"
    add_openai(patchbay)
    before = bytes(ProviderKey.objects.get().encrypted)
    assert json.loads(patchbay("rotate-encryption", "--json")[1]) == {"renewed": 1, "lost": 0}
    assert bytes(ProviderKey.objects.get().encrypted) != before
    assert len((tmp_path / "keys").read_text().split()) == 2


def test_a_rotation_that_broke_off_loses_nothing_when_it_is_run_again(
    patchbay: Run, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENCRYPTION_KEYS_FILE = tmp_path / "keys"
    add_openai(patchbay)
    with monkeypatch.context() as killed:
        killed.setattr(encryption, "renew_secrets", lambda: sys.exit("killed"))
        with pytest.raises(SystemExit):
            patchbay("rotate-encryption", "--json")
    assert json.loads(patchbay("rotate-encryption", "--json")[1]) == {"renewed": 1, "lost": 0}
    assert len((tmp_path / "keys").read_text().split()) == 2


def test_every_example_of_an_action_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ("provider", "add"),
        ("provider", "key", "add"),
        ("model", "add"),
        ("model", "remove"),
        ("price", "set"),
        ("job", "list"),
        ("job", "retry"),
    ):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        lines = [line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.startswith("  patchbay ")]
        assert lines
        for line in lines:
            assert _parser().parse_args(line).command == words[0]


_WATCHER = """
import sys
from patchbay.config.cli.boot import boot
from patchbay.config.cli.migrate import migrate
boot(); migrate(verbosity=0)
from patchbay.products.gateway import queries
for _ in sys.stdin:
    cached = queries.find_cached_catalogue("org_any")
    print(cached is not None, "fast" in queries.get_catalogue("org_any").aliases, flush=True)
"""


def test_a_process_that_runs_knows_at_once(tmp_path: Path) -> None:
    environment = os.environ | {
        "PATCHBAY_DATA_DIR": str(tmp_path),
        "PATCHBAY_DATABASE_URL": "",
        "DJANGO_SETTINGS_MODULE": "patchbay.config.settings",
    }
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen([sys.executable, "-c", _WATCHER], **pipes) as watcher:
        assert watcher.stdin is not None
        assert watcher.stdout is not None

        def ask() -> str:
            watcher.stdin.write("\n")  # type: ignore[union-attr]
            watcher.stdin.flush()  # type: ignore[union-attr]
            return watcher.stdout.readline().strip()  # type: ignore[union-attr]

        assert ask() == "False False"
        assert ask() == "True False"
        command = [sys.executable, "-m", "patchbay.config.cli"]
        for words in (["provider", "add", "o", "--kind", "openai"], ["model", "add", "fast", "--target", "o/m"]):
            subprocess.run([*command, *words], env=environment, check=True, capture_output=True, timeout=120)
        assert ask() == "False True"
        watcher.stdin.close()
        assert watcher.wait(30) == 0
