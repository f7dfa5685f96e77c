"""Run a fake as a process of its own: prints its base URL, then serves until it is ended."""

import argparse
import asyncio
import signal
import sys

from tests.fakes.upstream.server import upstream
from tests.fakes.upstream.vendors import VENDORS


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=sorted(VENDORS), required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with upstream(arguments.kind, arguments.port) as fake:
        sys.stdout.write(f"{fake.base_url}\n")
        sys.stdout.flush()
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
