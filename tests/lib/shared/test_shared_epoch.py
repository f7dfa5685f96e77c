"""The epoch of all machines: bumped before whoever revokes returns, and never read as it was."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from patchbay.lib.epoch import KEPT, Epoch
from patchbay.lib.errors import UnavailableError
from patchbay.lib.shared import epoch as epochs
from patchbay.lib.shared.epoch import Follower, RedisEpoch, SharedEpoch
from tests.redis_server import RedisServer, redis_server


@pytest.fixture(autouse=True)
def circuit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "_CLOSED_SECONDS", 0.0)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_bump_elsewhere_is_known_after_a_refresh(machine: SharedEpoch, elsewhere: SharedEpoch) -> None:
    machine.refresh()
    before = machine.read()
    machine.refresh()
    assert machine.read() == before
    elsewhere.bump()
    machine.refresh()
    assert machine.read() == before + 1


def test_a_change_is_followed_once_by_all_processes_of_a_machine(
    machine: SharedEpoch, elsewhere: SharedEpoch, redis: RedisServer, tmp_path: Path
) -> None:
    sibling = SharedEpoch(Epoch(tmp_path / "here"), RedisEpoch(redis.url))
    machine.refresh()
    elsewhere.bump()
    machine.refresh()
    before = machine.read()
    sibling.refresh()
    assert machine.read() == sibling.read() == before


def test_a_bump_that_redis_does_not_hear_is_an_error_and_made_up_for(
    machine: SharedEpoch, elsewhere: SharedEpoch, redis: RedisServer
) -> None:
    machine.refresh()
    redis.kill()
    before = machine.read()
    with pytest.raises(UnavailableError):
        machine.bump()
    assert machine.changes_since(before) == (machine.read(), None), "this machine knows at once"
    redis.start()
    elsewhere.refresh()
    seen = elsewhere.read()
    machine.refresh()
    elsewhere.refresh()
    assert elsewhere.read() != seen


def test_whose_change_it_was_is_known_on_the_other_machine(machine: SharedEpoch, elsewhere: SharedEpoch) -> None:
    for each in (machine, elsewhere):
        each.refresh()
    before = machine.read()
    elsewhere.bump("org_a")
    elsewhere.bump("org_b")
    assert machine.read() == before
    machine.refresh()
    assert machine.changes_since(before) == (machine.read(), {"org_a", "org_b"})
    known = machine.read()
    elsewhere.bump("prices")
    machine.refresh()
    assert machine.changes_since(known) == (machine.read(), {"prices"})


def test_two_machines_that_revoke_at_once_learn_of_each_other(machine: SharedEpoch, elsewhere: SharedEpoch) -> None:
    for each in (machine, elsewhere):
        each.refresh()
    before = {each: each.read() for each in (machine, elsewhere)}
    threads = [
        threading.Thread(target=lambda each=each, side=side: [each.bump(f"org_{side}{n}") for n in range(20)])
        for each, side in ((machine, "here"), (elsewhere, "there"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    every = {f"org_{side}{number}" for side in ("here", "there") for number in range(20)}
    for each in (machine, elsewhere):
        each.refresh()
        assert each.changes_since(before[each]) == (each.read(), every)


def test_a_machine_that_was_away_for_too_many_changes_drops_everything(
    machine: SharedEpoch, elsewhere: SharedEpoch
) -> None:
    machine.refresh()
    before = machine.read()
    for number in range(KEPT + 1):
        elsewhere.bump(f"org_{number}")
    machine.refresh()
    assert machine.changes_since(before)[1] is None


@pytest.mark.parametrize("command", ["DEL patchbay:changes", "FLUSHALL"])
def test_changes_that_redis_lost_are_everyones(
    command: str, machine: SharedEpoch, elsewhere: SharedEpoch, redis: RedisServer
) -> None:
    for each in (machine, elsewhere):
        each.refresh()
    before = machine.read()
    elsewhere.bump("org_a")
    redis.run(command)
    elsewhere.bump("org_b")
    machine.refresh()
    assert machine.changes_since(before)[1] is None


def test_a_restarted_redis_empties_every_cache(
    machine: SharedEpoch, elsewhere: SharedEpoch, redis: RedisServer
) -> None:
    for each in (machine, elsewhere):
        each.refresh()
    before = {each: each.read() for each in (machine, elsewhere)}
    redis.kill()
    redis.start()
    elsewhere.bump("org_a")
    for each in (machine, elsewhere):
        each.refresh()
        assert each.changes_since(before[each])[1] is None


def test_announcing_something_new_needs_no_redis(machine: SharedEpoch, redis: RedisServer) -> None:
    redis.kill()
    before = machine.read()
    machine.announce()
    assert machine.read() > before


def test_an_old_snapshot_does_not_bring_an_old_epoch_back(tmp_path: Path) -> None:
    """Bumps that a snapshot does not know are made up for, even for a machine that asks last."""
    with redis_server() as server:
        first, idle = (SharedEpoch(Epoch(tmp_path / name), RedisEpoch(server.url)) for name in ("first", "idle"))
        first.refresh()
        idle.refresh()
        server.run("SAVE")
        snapshot = next(server.socket.parent.glob("*.rdb"))
        shutil.copy(snapshot, tmp_path / "kept")
        first.bump()
        server.kill()
        shutil.copy(tmp_path / "kept", snapshot)
        server.start()
        before = idle.read()
        first.refresh()
        idle.refresh()
        assert idle.read() != before


def test_without_redis_it_is_the_machines_own(tmp_path: Path) -> None:
    epoch = SharedEpoch(Epoch(tmp_path / "epoch"))
    before = epoch.read()
    epoch.refresh()
    assert epoch.bump() == epoch.read() == before + 1


def test_while_redis_is_away_only_one_in_a_while_waits_for_it(
    machine: SharedEpoch, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "_CLOSED_SECONDS", 60.0)
    redis.kill()
    with pytest.raises(UnavailableError):
        machine.refresh()
    redis.start()
    with pytest.raises(UnavailableError):
        machine.refresh()


def test_a_follower_keeps_an_idle_process_young(
    machine: SharedEpoch, elsewhere: SharedEpoch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "FOLLOW_SECONDS", 0.01)
    machine.refresh()
    before = machine.read()
    follower = Follower(machine)
    follower.start()
    try:
        elsewhere.bump()
        until(lambda: machine.read() != before)
    finally:
        follower.stop()
