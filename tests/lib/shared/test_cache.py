"""What belongs to somebody falls when theirs changes, in time, and nothing else does."""

import threading
from pathlib import Path

import pytest

from patchbay.lib.epoch import KEPT, Epoch
from patchbay.lib.shared import cache as caches
from patchbay.lib.shared.cache import OwnedCache
from patchbay.lib.shared.epoch import SharedEpoch


@pytest.fixture
def epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedEpoch:
    """An epoch of the test's own, and caches that follow it."""
    own = SharedEpoch(Epoch(tmp_path / "epoch"))
    monkeypatch.setattr(caches, "epoch", lambda: own)
    return own


@pytest.fixture
def elsewhere(tmp_path: Path, epoch: SharedEpoch) -> SharedEpoch:
    """The same epoch as another process has it."""
    return SharedEpoch(Epoch(tmp_path / "epoch"))


def keep(cache: OwnedCache[str, str], epoch: SharedEpoch, *owners: str) -> None:
    for owner in owners:
        cache.put(f"of {owner}", f"value of {owner}", owner=owner, seen=epoch.read())


def known(cache: OwnedCache[str, str], *owners: str) -> set[str]:
    return {owner for owner in owners if cache.find(f"of {owner}") is not None}


def test_a_change_drops_what_is_its_owners_and_nothing_else(epoch: SharedEpoch, elsewhere: SharedEpoch) -> None:
    cache: OwnedCache[str, str] = OwnedCache(size=100)
    keep(cache, epoch, "a", "b")
    cache.put("another of a", "value", owner="a", seen=epoch.read())
    elsewhere.bump("a")
    assert known(cache, "a", "b") == {"b"}
    assert cache.find("another of a") is None
    elsewhere.bump("c")
    assert known(cache, "b") == {"b"}
    elsewhere.bump()
    assert known(cache, "b") == set()


def test_two_changes_at_once_both_count(epoch: SharedEpoch, elsewhere: SharedEpoch) -> None:
    cache: OwnedCache[str, str] = OwnedCache(size=100)
    keep(cache, epoch, "a", "b", "c")
    elsewhere.bump("a")
    elsewhere.bump("b")
    assert known(cache, "a", "b", "c") == {"c"}


def test_a_topic_drops_the_caches_that_hang_on_it(epoch: SharedEpoch) -> None:
    hangs: OwnedCache[str, str] = OwnedCache(size=100, topics=["prices"])
    stands: OwnedCache[str, str] = OwnedCache(size=100)
    keep(hangs, epoch, "a")
    keep(stands, epoch, "a")
    epoch.bump("prices")
    assert (known(hangs, "a"), known(stands, "a")) == (set(), {"a"})


def test_who_missed_too_much_drops_everything(epoch: SharedEpoch, elsewhere: SharedEpoch) -> None:
    cache: OwnedCache[str, str] = OwnedCache(size=100)
    keep(cache, epoch, "a", "b")
    for _ in range(KEPT):
        elsewhere.bump("b")
    assert known(cache, "a") == set()


def test_what_was_read_before_its_owner_changed_is_returned_and_not_kept(
    epoch: SharedEpoch, elsewhere: SharedEpoch
) -> None:
    cache: OwnedCache[str, str] = OwnedCache(size=100, topics=["prices"])
    for change, kept in ((["a"], False), (["b"], True), (["b", "a", "c"], False), (["prices"], False), ([""], False)):

        def load(change: list[str] = change) -> str:
            for name in change:
                elsewhere.bump(name)
            return "read"

        elsewhere.bump("a")
        assert cache.get("key", load, owner="a") == "read"
        assert (cache.find("key") is not None) == kept, change


def test_what_came_late_is_not_kept_though_the_cache_has_followed_meanwhile(epoch: SharedEpoch) -> None:
    cache: OwnedCache[str, str] = OwnedCache(size=100)
    seen = epoch.read()
    epoch.bump("a")
    assert cache.find("other") is None
    cache.put("of a", "old", owner="a", seen=seen)
    assert known(cache, "a") == set()


@pytest.mark.parametrize("reader", [2, 50])
def test_the_least_used_are_forgotten_and_memory_is_bounded(epoch: SharedEpoch, reader: int) -> None:
    cache: OwnedCache[str, str] = OwnedCache(size=100)
    keep(cache, epoch, "used")
    for number in range(1_000):
        keep(cache, epoch, str(number))
        if number % reader == 0:
            assert known(cache, "used") == {"used"}
    assert sum(cache.find(f"of {number}") is not None for number in range(1_000)) < 200
    assert known(cache, "999") == {"999"}
    epoch.bump("used")
    assert known(cache, "used") == set(), "wherever it was moved to"


def test_values_age_and_not_all_at_once(epoch: SharedEpoch, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(caches.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(caches, "max_age", lambda: 900.0)
    cache: OwnedCache[str, str] = OwnedCache(size=10_000)
    keep(cache, epoch, *map(str, range(10_000)))
    left = 10_000
    for second in range(0, 901, 5):
        now[0] = second
        here = len(known(cache, *map(str, range(10_000))))
        assert left - here < 500, "a twentieth of them, by far not all, in five seconds"
        assert second >= 675 or here == 10_000
        left = here
    assert left == 0


def test_no_reader_brings_back_what_fell(epoch: SharedEpoch, elsewhere: SharedEpoch) -> None:
    """Readers load a truth that a writer moves on and announces: nobody finds an old one after that."""
    cache: OwnedCache[str, int] = OwnedCache(size=8)
    truth = [0] * 4
    faults: list[str] = []
    ended = threading.Event()

    def read(number: int) -> None:
        while not ended.is_set():
            for owner in range(4):
                announced = said[owner]
                found = cache.get(f"key {owner}", lambda owner=owner: truth[owner], owner=f"org_{owner}")
                cache.get(f"key {number} {found}", lambda: 0, owner="org_x")  # has halves turn over
                if found < announced:
                    faults.append(f"{owner}: {found} after {announced}")

    said = [0] * 4
    readers = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in readers:
        thread.start()
    for value in range(1, 1_001):
        for owner in (value % 4, (value + 1) % 4):
            truth[owner] = value
            elsewhere.bump(f"org_{owner}")
            said[owner] = value
    ended.set()
    for thread in readers:
        thread.join(30)
    assert faults == []
