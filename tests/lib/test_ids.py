"""Identifiers are UUIDv7, prefixed, and sort by creation."""

import os
import uuid

import pytest

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


def test_ids_of_one_millisecond_sort_in_the_order_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(1_763_000_000_000_000_000, 1_763_000_000_001_000_000, 1_000))
    monkeypatch.setattr(ids.time, "time_ns", lambda: next(moments))
    made = [ids.new_id("req") for _ in range(1_000)]
    assert made == sorted(made)


def test_a_forked_child_does_not_repeat_its_parents_random_words() -> None:
    ids.new_id("x")  # so that words are left
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ids.new_id("x")[-15:].encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 15).decode() != ids.new_id("x")[-15:]
    os.close(reading)
    os.close(writing)
