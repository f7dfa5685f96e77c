"""Runs the scenarios of LangChain or LlamaIndex for each job and prints what they saw as JSON.

They live in an environment of their own (`requirements/frameworks.txt`): they need another release of `openai` than our
tests. Standard input is `{"client": "langchain", "jobs": [{"name", "model", "route": {…}, "only"?: […]}]}`, as for the
clients in Node.
"""

import asyncio
import importlib
import json
import sys
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

Job = dict[str, Any]
Scenario = Callable[[Job], Coroutine[Any, Any, Any]]


async def _attempt(scenario: Scenario, job: Job) -> dict[str, Any]:
    try:
        return {"seen": await scenario(job)}
    except Exception:
        return {"failed": traceback.format_exc()}


async def _run(scenarios: dict[str, Scenario], jobs: list[Job]) -> dict[str, Any]:
    """Run the jobs in turn, in one loop: frameworks keep their asynchronous clients."""
    results = {}
    for job in jobs:
        names = job.get("only") or list(scenarios)
        ends = await asyncio.gather(*(_attempt(scenarios[name], job) for name in names))
        results[job["name"]] = dict(zip(names, ends, strict=True))
    return results


def main() -> None:
    asked = json.load(sys.stdin)
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    module = importlib.import_module(f"tests.clients.frameworks.{asked['client']}_scenarios")
    json.dump(asyncio.run(_run(module.SCENARIOS, asked["jobs"])), answers)


if __name__ == "__main__":
    main()
