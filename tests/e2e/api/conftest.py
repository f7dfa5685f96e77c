"""A real `patchbay serve` with its demo organisation, shared by the tests that call it from outside."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from benchmarks.harness.instance import Instance


@dataclass(frozen=True)
class Served:
    instance: Instance
    base_url: str
    api_key: str


@pytest.fixture(scope="package")
def served() -> Iterator[Served]:
    instance = Instance()
    demo = instance.demo()
    instance.start()
    yield Served(instance, instance.base_url, demo["api_key"])
    instance.stop()
    shutil.rmtree(instance.data_dir, ignore_errors=True)
