"""Clients that run in a process of their own: Node's, and the frameworks'. One process runs all jobs of a client."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.models.installed import ROOT, frameworks_python, node, node_project
from tests.clients.models.route import Route

SECONDS = 150.0
OTHER = {"gpt": "claude", "claude": "gpt"}


@dataclass(frozen=True)
class Family:
    """Scenarios of one format. All of them ask the model whose vendor speaks it; `any_vendor` are also put to the
    other vendor's, through Patchbay."""

    model: str
    any_vendor: tuple[str, ...] = ()
    own_vendor: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return self.any_vendor + self.own_vendor


@dataclass(frozen=True)
class Client:
    """A module of scenarios, and whether it is one of Node."""

    module: str
    families: tuple[Family, ...]
    in_node: bool = True

    def same(self) -> Iterator[tuple[str, str]]:
        """Yield model and scenario of all that must be the same with and without Patchbay."""
        return ((family.model, scenario) for family in self.families for scenario in family.all)

    def crossed(self) -> Iterator[tuple[str, str]]:
        """Yield model and scenario of all that the other vendor's model must serve as well."""
        return ((OTHER[family.model], scenario) for family in self.families for scenario in family.any_vendor)


def run(client: Client, straight: Route, through: Route, gates: str) -> dict[str, Any]:
    """Run a client's jobs; returns how each scenario ended by job (`job_name`)."""
    jobs = []
    for family in client.families:
        jobs.append(_job("straight", family.model, straight, gates, family.all))
        jobs.append(_job("through", family.model, through, gates, family.all))
        if family.any_vendor:
            jobs.append(_job("crossed", OTHER[family.model], through, gates, family.any_vendor))
    asked = json.dumps({"client": client.module, "jobs": jobs})
    command = [node(), "run.mjs"] if client.in_node else [frameworks_python(), "-m", "tests.clients.frameworks.run"]
    folder = node_project() if client.in_node else ROOT
    ended = subprocess.run(command, cwd=folder, input=asked, capture_output=True, text=True, timeout=SECONDS)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


def job_name(way: str, model: str) -> str:
    return f"{way} {model}"


def _job(way: str, model: str, route: Route, gates: str, scenarios: tuple[str, ...]) -> dict[str, Any]:
    described = {
        "openai_url": route.openai_url,
        "openai_key": route.openai_key,
        "anthropic_url": route.anthropic_url,
        "anthropic_key": route.anthropic_key,
    }
    name = job_name(way, model)
    return {"name": name, "model": model, "route": described, "gates": gates, "only": list(scenarios)}


def seen(ends: dict[str, Any], way: str, model: str, scenario: str) -> Any:
    """Return what a scenario saw; one that failed fails the test with its own words."""
    end = ends[job_name(way, model)][scenario]
    if "failed" in end:
        pytest.fail(f"{scenario}, {way} to {model}:\n{end['failed']}", pytrace=False)
    return end["seen"]
