"""Identifiers are UUIDv7, prefixed, and sort by creation."""

import uuid

from patchbay.lib import ids


def test_an_id_is_a_version_7_uuid_after_its_prefix() -> None:
    prefix, _, digits = ids.new_id("plug").partition("_")
    assert prefix == "plug"
    assert uuid.UUID(digits).version == 7
    assert uuid.UUID(digits).variant == uuid.RFC_4122
    assert len(ids.new_id("plug")) <= ids.LENGTH


def test_ids_made_later_sort_later(monkeypatch) -> None:
    moments = iter([1_763_000_000_000_000_000, 1_763_000_000_001_000_000])
    monkeypatch.setattr(ids.time, "time_ns", lambda: next(moments))
    first, second = ids.new_id("doc"), ids.new_id("doc")
    assert first < second


def test_ids_do_not_repeat() -> None:
    assert len({ids.new_id("x") for _ in range(10_000)}) == 10_000
