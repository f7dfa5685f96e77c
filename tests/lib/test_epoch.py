"""A bump is seen by every process with whose it was, and none is lost."""

import struct
import subprocess
import sys
import threading
from pathlib import Path

from patchbay.lib.epoch import KEPT, Epoch


def test_a_bump_in_another_process_is_seen_here_at_once(tmp_path: Path) -> None:
    epoch = Epoch(tmp_path / "epoch")
    before = epoch.read()
    code = "import sys, pathlib; from patchbay.lib.epoch import Epoch; Epoch(pathlib.Path(sys.argv[1])).bump()"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "epoch")], check=True)
    assert epoch.read() == before + 1


def test_concurrent_bumps_are_all_counted(tmp_path: Path) -> None:
    epochs = [Epoch(tmp_path / "epoch") for _ in range(2)]
    threads = [
        threading.Thread(target=lambda epoch=epoch: [epoch.bump() for _ in range(200)])
        for epoch in epochs
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert epochs[0].read() == epochs[1].read() == 1200


def test_whose_changes_were_made_is_told_to_who_asks_later(tmp_path: Path) -> None:
    epoch, other = (Epoch(tmp_path / "epoch") for _ in range(2))
    before = epoch.read()
    assert epoch.changes_since(before) == (before, frozenset())
    other.bump("org_a")
    between = other.bump("org_b")
    last = other.bump("org_c")
    assert epoch.changes_since(before) == (last, {"org_a", "org_b", "org_c"})
    assert epoch.changes_since(between) == (last, {"org_c"})


def test_a_change_of_everyones_among_others_is_everyones(tmp_path: Path) -> None:
    epoch = Epoch(tmp_path / "epoch")
    before = epoch.read()
    epoch.bump("org_a")
    epoch.bump()
    last = epoch.bump("org_b")
    assert epoch.changes_since(before) == (last, None)
    assert epoch.changes_since(last - 1) == (last, {"org_b"})


def test_who_missed_more_than_is_kept_is_told_that_all_changed(tmp_path: Path) -> None:
    epoch = Epoch(tmp_path / "epoch")
    before = epoch.read()
    for number in range(KEPT - 1):
        epoch.bump(f"org_{number}")
    assert epoch.changes_since(before) == (before + KEPT - 1, {f"org_{number}" for number in range(KEPT - 1)})
    epoch.bump("org_last")
    assert epoch.changes_since(before) == (before + KEPT, None)
    assert epoch.changes_since(before + 1)[1] == {f"org_{number}" for number in range(1, KEPT - 1)} | {"org_last"}
    assert epoch.changes_since(before + KEPT + 5)[1] is None, "another file took its place"


def test_a_name_too_long_to_keep_is_everyones(tmp_path: Path) -> None:
    epoch = Epoch(tmp_path / "epoch")
    before = epoch.read()
    epoch.bump("o" * 64)
    assert epoch.changes_since(before)[1] == {"o" * 64}
    epoch.bump("o" * 65)
    assert epoch.changes_since(before)[1] is None


def test_a_file_of_an_earlier_version_keeps_its_counter_and_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "epoch").write_bytes(struct.pack("=QQ", 7, 123))
    epoch = Epoch(tmp_path / "epoch")
    assert (epoch.read(), epoch.mark()) == (7, 123)
    assert epoch.changes_since(5) == (7, None)
    epoch.bump("org_a")
    assert epoch.changes_since(7) == (8, {"org_a"})


def test_names_that_another_process_writes_meanwhile_are_never_mixed_up(tmp_path: Path) -> None:
    epoch = Epoch(tmp_path / "epoch")
    code = (
        "import sys, pathlib; from patchbay.lib.epoch import Epoch; epoch = Epoch(pathlib.Path(sys.argv[1]))\n"
        "for number in range(1, 30_001): assert epoch.bump(f'org_{number}') == number"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "epoch")])
    seen = told = 0
    while seen < 30_000:
        now, names = epoch.changes_since(seen)
        if names is not None:
            assert names == {f"org_{number}" for number in range(seen + 1, now + 1)}
            told += len(names)
        seen = now
        assert writer.poll() in (None, 0)
    assert writer.wait(30) == 0
    assert told


def test_what_was_told_elsewhere_is_passed_on_once(tmp_path: Path) -> None:
    epoch, sibling = (Epoch(tmp_path / "epoch") for _ in range(2))
    before = epoch.read()
    assert epoch.follow(0, 100, None)
    assert epoch.changes_since(before)[1] is None
    known = epoch.read()
    assert not epoch.follow(100, 100, [])
    assert epoch.follow(100, 105, ["org_a", "org_b"])
    assert not sibling.follow(100, 105, ["org_a", "org_b"])
    assert sibling.changes_since(known) == (known + 2, {"org_a", "org_b"})
    assert sibling.mark() == 105


def test_an_answer_that_was_overtaken_leaves_the_later_mark(tmp_path: Path) -> None:
    epoch = Epoch(tmp_path / "epoch")
    epoch.follow(0, 100, None)
    epoch.follow(100, 110, ["org_a", "org_b"])
    before = epoch.read()
    assert epoch.follow(100, 105, ["org_a"])
    assert epoch.changes_since(before) == (epoch.read(), {"org_a"}), "once too often does no harm"
    assert epoch.mark() == 110
    assert epoch.follow(100, 120, ["org_a", "org_b", "org_c"])
    assert epoch.mark() == 120


def test_a_counter_that_lost_its_memory_is_taken_as_it_comes(tmp_path: Path) -> None:
    epoch = Epoch(tmp_path / "epoch")
    epoch.follow(0, 100, None)
    before = epoch.read()
    assert epoch.follow(100, 50, None)
    assert epoch.mark() == 50
    assert epoch.changes_since(before)[1] is None
