"""A provider's limits hold over all processes: its server sees no more at once than it can take."""

import asyncio
import subprocess
import sys
from collections import Counter

import httpx

from tests.e2e.processes.conftest import Served
from tests.fakes.upstream import Script, Upstream, upstream

PLACES, ASKED = 2, 6


def test_a_provider_is_never_asked_more_at_once_than_it_takes(served: Served) -> None:
    asyncio.run(_ask_many(served))


async def _ask_many(served: Served) -> None:
    async with upstream("openai") as vendor:
        await asyncio.to_thread(_offer, served, vendor)
        vendor.then(*[Script(gate=f"call-{number}", gate_at=0) for number in range(ASKED)])
        asked = [asyncio.create_task(_ask(served)) for _ in range(ASKED)]
        for number in range(ASKED):
            await vendor.until_calls(min(number + PLACES, ASKED))
            await asyncio.sleep(0.1)  # a process that counted for itself would have asked by now
            assert len(vendor.calls) <= number + PLACES
            vendor.open(f"call-{number}")
        assert Counter(await asyncio.gather(*asked)) == {200: ASKED}


def _offer(served: Served, vendor: Upstream) -> None:
    where = ("--kind", "openai", "--base-url", vendor.base_url, "--api-key-stdin")
    limits = ("--max-concurrent", str(PLACES), "--queue-seconds", "20")
    command = [sys.executable, "-m", "patchbay.config.cli", "provider", "add", "few", *where, *limits]
    subprocess.run(command, env=served.instance.environment, input=vendor.api_key, text=True, check=True)
    served.instance.run("model", "add", "few-at-once", "--target", "few/gpt")


async def _ask(served: Served) -> int:
    body = {"model": "few-at-once", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}
    headers = {"authorization": f"Bearer {served.api_key}"}
    async with httpx.AsyncClient(timeout=30) as client:  # a connection of its own: the kernel chooses the process
        answer = await client.post(f"{served.instance.base_url}/v1/chat/completions", json=body, headers=headers)
    return answer.status_code
