"""A strict fake upstream of OpenAI's or Anthropic's format, with scripts, gates and every fault there is.

    async with upstream("openai") as fake:
        fake.then(Script(status=429, headers={"retry-after": "1"}))
        …                     # point a client at fake.base_url with fake.api_key
        assert fake.calls[-1].body["model"] == "gpt"

What a call may hold is checked by the vendor's own published types, and a call without a script of its own is answered
by the script that its model's name says (`scripts.by_model`), so that a process of its own needs no other door:
`python -m tests.fakes.upstream --kind openai --port 0`.
"""

from tests.fakes.upstream.scripts import Fault, Script, by_model
from tests.fakes.upstream.server import Call, Upstream, upstream

__all__ = ["Call", "Fault", "Script", "Upstream", "by_model", "upstream"]
