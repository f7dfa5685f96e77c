"""A running Patchbay for tests: its demo organisation is made once and copied, and jobs run only where a test has any.

A data folder that was just made has vectors of every first-party document to compute, most of a minute of one core,
beside tests that ask for none of them.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness.instance import Instance


class DemoInstance(Instance):
    """`jobs` lets the server start its worker. The folder of a SQLite instance holds the demo from the beginning."""

    def __init__(
        self,
        *,
        jobs: bool = False,
        database_url: str = "",
        arguments: tuple[str, ...] = (),
        command: str = "serve",
    ) -> None:
        if command == "serve" and not jobs:
            arguments = (*arguments, "--no-worker")
        super().__init__(database_url=database_url, arguments=arguments, command=command)
        self._made: dict[str, str] | None = None
        if not database_url:
            with _template() as folder:
                shutil.copytree(folder / "data", self.data_dir, dirs_exist_ok=True)
                self._made = json.loads((folder / "demo.json").read_text())

    def demo(self) -> dict[str, str]:
        return self._made | {"base_url": self.base_url} if self._made else super().demo()

    def remove(self) -> None:
        """End it, if it runs, and drop its data."""
        self.kill()
        shutil.rmtree(self.data_dir, ignore_errors=True)


@contextmanager
def running(**options: Any) -> Iterator[DemoInstance]:
    """Start an instance with its demo and end it afterwards, in order where the test was."""
    instance = DemoInstance(**options)
    try:
        instance.demo()
        instance.start()
        yield instance
        instance.stop()
    finally:
        instance.remove()


@contextmanager
def _template() -> Iterator[Path]:
    """Yield the folder with `data` and `demo.json`, which the first of this run's test processes fills."""
    folder = Path(os.environ["PATCHBAY_DATA_DIR"]) / "demo"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "demo.json").exists():
            demo = Instance(data_dir=folder / "data").demo()
            (folder / "demo.json").write_text(json.dumps(demo))
        yield folder
