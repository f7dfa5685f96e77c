"""A bump is seen by every process, and none is lost."""

import subprocess
import sys
import threading
from pathlib import Path

from patchbay.lib.epoch import Epoch


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
