"""`patchbay job`: what failed for good is shown with its reason, and runs again when it is asked to."""

import json

from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from patchbay.kernel.jobs import queries, services
from tests.config.conftest import Run


def dead(name: str = "jobs.prune") -> str:
    job_id = services.enqueue(name)
    DBTaskResult.objects.filter(id=job_id).update(
        status=TaskResultStatus.FAILED, finished_at=timezone.now(), traceback="…\nOSError: the disk is full"
    )
    return job_id


def test_none_is_said_in_words_and_as_an_empty_list(patchbay: Run) -> None:
    assert patchbay("job", "list") == (0, "No job has failed for good.\n", "")
    assert patchbay("job", "list", "--json") == (0, "[]\n", "")


def test_a_failed_job_is_listed_with_its_reason(patchbay: Run) -> None:
    job_id = dead()
    status, table, _ = patchbay("job", "list")
    assert status == 0
    assert all(said in table for said in (job_id, "jobs.prune", "OSError: the disk is full"))
    (shown,) = json.loads(patchbay("job", "list", "--json")[1])
    assert (shown["id"], shown["reason"]) == (job_id, "OSError: the disk is full")
    assert json.loads(patchbay("job", "list", "--name", "plugs.index_document", "--json")[1]) == []


def test_one_or_all_run_again(patchbay: Run) -> None:
    first, second, third = dead(), dead(), dead()
    assert patchbay("job", "retry", first) == (0, "1 job will run again, with all attempts.\n", "")
    assert {job.id for job in queries.list_dead()} == {second, third}
    assert patchbay("job", "retry", "--all")[:2] == (0, "2 jobs will run again, with all attempts.\n")
    assert queries.list_dead() == []


def test_of_more_than_are_shown_the_number_is_said_and_all_run_again(patchbay: Run) -> None:
    for _ in range(102):
        dead()
    assert "and 2 older ones" in patchbay("job", "list")[1]
    assert patchbay("job", "retry", "--all")[1].startswith("102 jobs")
    assert queries.get_backlog().dead == 0


def test_a_wrong_id_and_none_at_all_are_refused_with_what_to_do(patchbay: Run) -> None:
    for job_id in ("nonsense", "01990b6e-6c2c-7b7e-9c55-0d7a2f1f9a10"):
        status, _, said = patchbay("job", "retry", job_id)
        assert (status, job_id in said, "patchbay job list" in said) == (1, True, True)
    for words in ((), (dead(), "--all")):
        status, _, said = patchbay("job", "retry", *words)
        assert (status, "patchbay job list" in said) == (1, True)
    (left,) = queries.list_dead()
    assert patchbay("job", "retry", left.id, "nonsense")[0] == 1
    assert queries.list_dead() == [left], "with a wrong id among them none is revived"
