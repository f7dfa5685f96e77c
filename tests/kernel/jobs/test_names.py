"""Every name that the product enqueues or schedules is a registered task."""

import ast
from pathlib import Path

import patchbay
from patchbay.kernel.jobs import registry

SOURCES = sorted(Path(patchbay.__file__).parent.rglob("*.py"))


def enqueued_names() -> dict[str, str]:
    """Return each literal first argument of a call of `….enqueue(…)` with the file that has it."""
    names = {}
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name == "enqueue":
                names[str(node.args[0].value)] = str(source)
    return names


def test_every_enqueued_name_is_registered() -> None:
    registered = {spec.name for spec in registry.list_tasks()}
    assert {name: place for name, place in enqueued_names().items() if name not in registered} == {}


def test_every_name_says_its_package() -> None:
    for spec in registry.list_tasks():
        package, _, verb = spec.name.partition(".")
        assert package in spec.function.__module__.split("."), spec.name
        assert verb.isidentifier(), spec.name
