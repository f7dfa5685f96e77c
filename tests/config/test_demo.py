"""A script and a server that start at the same moment on a new data folder agree on one demo."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_demos_made_at_once_are_one(tmp_path: Path) -> None:
    environment = os.environ | {
        "PATCHBAY_DATA_DIR": str(tmp_path),
        "PATCHBAY_DATABASE_URL": "",
        "DJANGO_SETTINGS_MODULE": "patchbay.config.settings",
    }
    command = [sys.executable, "-m", "patchbay.config.cli", "demo", "--json"]
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    printed = [json.loads(process.communicate(timeout=120)[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert printed[0] == printed[1]
