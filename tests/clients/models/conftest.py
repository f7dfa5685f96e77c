"""The fake vendors, a Patchbay that has them as its providers, and the two ways to the same models."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.clients.models.route import Route
from tests.clients.models.vendors import Vendors
from tests.instances import DemoInstance


@dataclass(frozen=True)
class Served:
    """A running Patchbay and the keys of `furnish`."""

    origin: str
    keys: dict[str, str]


@pytest.fixture(scope="session")
def vendors() -> Iterator[Vendors]:
    server = Vendors()
    yield server
    server.close()


@pytest.fixture(scope="session")
def served(vendors: Vendors) -> Iterator[Served]:
    instance = DemoInstance()
    command = [sys.executable, "-m", "tests.clients.models.furnish", vendors.origin]
    furnished = subprocess.run(command, env=instance.environment, capture_output=True, text=True)
    assert furnished.returncode == 0, furnished.stderr
    try:
        instance.start()
        yield Served(instance.base_url, json.loads(furnished.stdout))
        instance.stop()
    finally:
        instance.remove()


@pytest.fixture(scope="session")
def straight(vendors: Vendors) -> Iterator[Route]:
    """The clients before the vendors themselves."""
    with Route.to_vendors(vendors) as route:
        yield route


@pytest.fixture(scope="session")
def through(served: Served) -> Iterator[Route]:
    """The clients before Patchbay."""
    with Route.to_patchbay(served.origin, served.keys["full"]) as route:
        yield route
