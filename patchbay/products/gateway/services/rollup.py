"""Summing the request log up as it grows, so that a picture of a month costs what a picture of a day does.

Records and failures are numbered; a mark says up to where each was summed up, and what lies above it, the live tail, is
summed up when it is looked at (`queries.figures`). On PostgreSQL a transaction that is still open may yet bring a
lower number than the newest one seen, so the mark follows only to where the newest was `SETTLED` ago: by then every
transaction of that time has ended (`IDLE_IN_TRANSACTION_SECONDS`, and writers that commit within seconds).
"""

from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from patchbay.products.gateway.models import FailedRequest, RequestBody, RequestRollup, RollupMark, StoredAnswer
from patchbay.products.gateway.queries.sums import COUNTED, LEVELS, SOURCES, Sums, at_level, include, newest, sum_new

SETTLED = timedelta(seconds=60)
SLICE = 1_000
"""Rows summed up at once, so few that writers wait for milliseconds even when each is of another organisation."""
KEPT = {LEVELS[0]: timedelta(days=14), LEVELS[1]: timedelta(days=400)}
FAILURES_KEPT = timedelta(days=30)
STORED_KEPT = timedelta(days=30)
"""As long as OpenAI keeps what it stores."""
_PRUNED_AT_ONCE = 5_000
_MERGED_AT_ONCE = 500


def roll_up() -> int:
    """Sum up what came since the last time; returns how many positions were passed."""
    return sum(_follow(source) for source in SOURCES)


def prune() -> int:
    """Drop what is kept no longer: bodies, failures, ids of stored answers, sums; returns how many rows went."""
    now = timezone.now()
    gone = _drop(RequestBody, RequestBody.objects.filter(expires_at__lte=now))
    gone += _drop(FailedRequest, FailedRequest.objects.filter(created_at__lt=now - FAILURES_KEPT))
    gone += _drop(StoredAnswer, StoredAnswer.objects.filter(created_at__lt=now - STORED_KEPT))
    for seconds, kept in KEPT.items():
        gone += _drop(RequestRollup, RequestRollup.objects.filter(seconds=seconds, start__lt=now - kept))
    return gone


def _drop(model: Any, rows: Any) -> int:
    gone = 0
    while some := list(rows.values_list("pk", flat=True)[:_PRUNED_AT_ONCE]):  # short transactions: others write too
        gone += model.objects.filter(pk__in=some).delete()[0]
    return gone


def _follow(source: str) -> int:
    mark, _ = RollupMark.objects.get_or_create(source=source)
    seen = _settled(mark)
    passed = 0
    while (marks := _positions(RollupMark.objects.all()))[source] < seen:
        up_to = min(marks[source] + SLICE, seen)
        sums = sum_new(source, after=marks[source], up_to=up_to)
        if not _add(source, marks, up_to, sums):
            break  # another worker was faster
        passed += up_to - marks[source]
    return passed


def _settled(mark: RollupMark) -> int:
    """Return up to where nothing new can appear; notes where the newest is now, for the next time."""
    now, latest = timezone.now(), newest(mark.source)
    if _positions_follow_commits():
        return latest
    if mark.seen_at is not None and now - mark.seen_at < SETTLED:
        return mark.position
    settled = mark.seen
    RollupMark.objects.filter(pk=mark.pk).update(seen=latest, seen_at=now)
    return settled


def _positions_follow_commits() -> bool:
    """SQLite has one writer; PostgreSQL numbers a row before its transaction ends."""
    return connection.vendor == "sqlite"


def _add(source: str, marks: dict[str, int], up_to: int, sums: Sums) -> bool:
    """Add sums to the rows and move the source's mark; False when the marks are not where they were read.

    All is read and added up before the transaction: SQLite's one writer, who writes what requests cost, waits for the
    rows alone. While no mark moved nobody else wrote any of them.
    """
    rows = [row for level in LEVELS for row in _merged(level, at_level(sums, level))]
    with transaction.atomic():
        if _positions(RollupMark.objects.select_for_update().order_by("source")) != marks:
            return False
        RequestRollup.objects.bulk_create(
            rows,
            batch_size=_MERGED_AT_ONCE,
            update_conflicts=True,
            unique_fields=["organisation_id", "seconds", "start", "model"],
            update_fields=[*COUNTED, "latencies", "counts"],
        )
        RollupMark.objects.filter(source=source).update(position=up_to)
    return True


def _merged(level: int, sums: Sums) -> list[RequestRollup]:
    """Return the sums with what their rows had before, to be written in their place."""
    rows = iter(sums.items())
    while wanted := dict(islice(rows, _MERGED_AT_ONCE)):
        there = RequestRollup.objects.filter(
            seconds=level,
            organisation_id__in={key[0] for key in wanted},
            start__in={key[1] for key in wanted},
            model__in={key[2] for key in wanted},
        )
        for row in there:
            if (found := wanted.get((row.organisation_id, row.start, row.model))) is not None:
                include(found, row)
    return list(sums.values())


def _positions(marks: QuerySet[RollupMark]) -> dict[str, int]:
    return dict(marks.values_list("source", "position"))
