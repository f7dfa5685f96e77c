"""A process that serves is not slowed by what it started with."""

import gc
from argparse import Namespace
from collections.abc import Iterator

import pytest

from patchbay.config.cli import boot, worker
from patchbay.kernel.jobs import worker as jobs


@pytest.fixture(autouse=True)
def memory_as_before() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_was_made_so_far_is_not_looked_through_again() -> None:
    made = [[]]
    boot.keep_in_memory()
    assert not any(each is made for each in gc.get_objects())
    assert gc.get_freeze_count() > 0


@pytest.mark.django_db
def test_a_worker_keeps_what_it_started_with_before_its_first_job(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(boot, "boot", lambda: None)  # Django is set up already
    monkeypatch.setattr(jobs, "run", lambda concurrency: kept.append(gc.get_freeze_count()) or 0)
    assert worker.run(Namespace(concurrency=1)) == 0
    assert kept[0] > 0
