"""What must not stand in a tracked file, and what every package must have."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tracked(*patterns: str) -> list[Path]:
    output = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in output.decode().split("\0") if name]


def test_locks_name_no_registry_host() -> None:
    for path in tracked("requirements/*.txt", "*package-lock.json", "*.npmrc"):
        assert not re.search(r"https?://", _without_homepages(path)), path.name


def _without_homepages(path: Path) -> str:
    """npm's lock repeats each package's funding page; only where it is fetched from matters."""
    text = path.read_text()
    if path.name != "package-lock.json":
        return text
    return json.dumps([entry.get("resolved", "") for entry in json.loads(text)["packages"].values()])


def test_no_third_party_code_is_committed() -> None:
    assert not [path for path in tracked() if {"node_modules", "vendor", "staticfiles"} & set(path.parts)]


def test_no_package_stands_empty() -> None:
    folders = {path.parent for path in tracked("patchbay/**/__init__.py")}
    for folder in folders:
        assert [path for path in folder.rglob("*.py") if path.read_text().strip()], folder
