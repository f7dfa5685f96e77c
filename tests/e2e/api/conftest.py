"""A real `patchbay serve` with its demo organisation, shared by the tests that call it from outside."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.instances import DemoInstance, running


@dataclass(frozen=True)
class Served:
    instance: DemoInstance
    base_url: str
    api_key: str


@pytest.fixture(scope="package")
def served() -> Iterator[Served]:
    with running() as instance:
        yield Served(instance, instance.base_url, instance.demo()["api_key"])
