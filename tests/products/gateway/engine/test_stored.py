"""Where an answer is stored: found again by who got it, over processes and restarts, and by nobody else."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import Keeper
from patchbay.products.gateway.engine import request_log, stored
from patchbay.products.gateway.engine.archive import DatabaseArchive
from patchbay.products.gateway.engine.request_log import REQUEST_LOG, StoredIds
from patchbay.products.gateway.engine.stored import StoredAnswers
from patchbay.products.gateway.models import StoredAnswer
from patchbay.products.gateway.services import rollup
from tests.products.gateway.engine.test_caching import SharedStore

OPENAI = Keeper("prov_openai", "key_1")


@pytest.fixture
def pool() -> BlockingPool:
    return BlockingPool("test", threads=1, queue=1)


class Shelf:
    """An archive in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Keeper] = {}

    def note(self, organisation_id: str, ids: Sequence[str], keeper: Keeper) -> None:
        self.kept |= {(organisation_id, each): keeper for each in ids}

    def find(self, organisation_id: str, answer_id: str) -> Keeper | None:
        return self.kept.get((organisation_id, answer_id))


async def test_every_process_knows_at_once_who_keeps_an_answer(pool: BlockingPool) -> None:
    shared = SharedStore()
    here, there = StoredAnswers(shared=shared), StoredAnswers(shared=shared)
    await here.note("org_1", ["resp_1", "msg_1"], OPENAI)
    for process in (here, there):
        assert await process.find("org_1", "resp_1", pool) == OPENAI
        assert await process.find("org_1", "msg_1", pool) == OPENAI


async def test_another_organisation_finds_nothing_wherever_it_is_kept(pool: BlockingPool) -> None:
    shared, shelf = SharedStore(), Shelf()
    here = StoredAnswers(shared=shared, archive=shelf)
    await here.note("org_1", ["resp_1"], OPENAI)
    for process in (here, StoredAnswers(shared=shared), StoredAnswers(archive=shelf)):
        assert await process.find("org_2", "resp_1", pool) is None


async def test_after_a_restart_the_archive_still_knows(pool: BlockingPool) -> None:
    shelf = Shelf()
    await StoredAnswers(archive=shelf).note("org_1", ["resp_1"], OPENAI)
    assert await StoredAnswers(archive=shelf).find("org_1", "resp_1", pool) == OPENAI


async def test_an_answer_is_not_lost_because_the_shared_state_is_away(pool: BlockingPool) -> None:
    shared = SharedStore()
    shared.away = True
    here = StoredAnswers(shared=shared)
    await here.note("org_1", ["resp_1"], OPENAI)
    assert await here.find("org_1", "resp_1", pool) == OPENAI


async def test_memory_keeps_the_newest_only(pool: BlockingPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_REMEMBERED", 2)
    here = StoredAnswers()
    for each in ("a", "b"):
        await here.note("org_1", [each], OPENAI)
    await here.find("org_1", "a", pool)
    await here.note("org_1", ["c"], OPENAI)
    found = [await here.find("org_1", each, pool) for each in ("a", "b", "c")]
    assert found == [OPENAI, None, OPENAI]


@pytest.mark.parametrize("odd", ["", "x" * 201, "nul\0", "ä", "two\nlines"])
async def test_what_can_be_no_id_is_neither_kept_nor_looked_for(odd: str, pool: BlockingPool) -> None:
    shelf = Shelf()
    here = StoredAnswers(archive=shelf)
    await here.note("org_1", [odd], OPENAI)
    assert not shelf.kept
    assert await here.find("org_1", odd, pool) is None


async def test_an_answer_of_very_many_items_has_its_first_ids_kept(pool: BlockingPool) -> None:
    here = StoredAnswers()
    await here.note("org_1", [f"item_{number}" for number in range(1000)], OPENAI)
    assert await here.find("org_1", f"item_{stored.MAX_IDS - 1}", pool) == OPENAI
    assert await here.find("org_1", f"item_{stored.MAX_IDS}", pool) is None


@pytest.mark.django_db(transaction=True)
class TestDatabase:
    @pytest.fixture(autouse=True)
    def _written(self) -> Iterator[None]:
        yield
        assert REQUEST_LOG.flush()

    def test_the_database_keeps_what_was_noted_for_who_got_it(self) -> None:
        archive = DatabaseArchive()
        archive.note("org_1", ["resp_1", "msg_1"], OPENAI)
        archive.note("org_1", ["resp_1"], Keeper("prov_other"))
        assert REQUEST_LOG.flush()
        assert archive.find("org_1", "resp_1") == OPENAI
        assert archive.find("org_1", "msg_1") == OPENAI
        assert archive.find("org_2", "resp_1") is None

    def test_ids_are_kept_for_thirty_days(self) -> None:
        now = datetime.now(UTC)
        for name, days in (("old", 31), ("young", 29)):
            request_log.write([StoredIds("org_1", (name,), OPENAI, now - timedelta(days=days))])
        rollup.prune()
        assert [row.answer_id for row in StoredAnswer.objects.all()] == ["young"]
