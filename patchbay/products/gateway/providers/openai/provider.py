"""OpenAI, and any server that speaks its format, by the base URL as its SDK takes it (`https://host/v1`)."""

import time

from patchbay.products.gateway.contracts import ModelTarget, ProviderConfig, ProviderKey
from patchbay.products.gateway.engine.contracts import Answer, Outgoing
from patchbay.products.gateway.providers.http import Server
from patchbay.products.gateway.wire.contracts import Format, Target

_OPENAI_ITSELF = "https://api.openai.com/"
_ALL: frozenset[Format] = frozenset(("chat", "responses", "embeddings"))
_WITHOUT_RESPONSES: frozenset[Format] = frozenset(("chat", "embeddings"))
FORGET_SECONDS = 600.0
"""How long a server that did not know the responses operation is spared it."""


class OpenAITransport:
    """Carries requests to one server; fulfils `engine.contracts.Transport`."""

    pays_itself = False

    def __init__(self, config: ProviderConfig) -> None:
        self._server = Server(config)
        self._newest = config.base_url.startswith(_OPENAI_ITSELF)
        self._no_responses_until = 0.0

    @property
    def formats(self) -> frozenset[Format]:
        return _WITHOUT_RESPONSES if time.monotonic() < self._no_responses_until else _ALL

    def target(self, target: ModelTarget, max_output_tokens: int | None) -> Target:
        # OpenAI's newer models refuse `max_tokens`; compatible servers often know nothing else.
        return Target(
            target.model, max_output_tokens, limit_field="max_completion_tokens" if self._newest else "max_tokens"
        )

    async def send(self, outgoing: Outgoing, key: ProviderKey | None) -> Answer:
        client, origin = self._server.reach()
        headers = [(b"content-type", b"application/json"), (b"user-agent", b"patchbay"), *outgoing.passed]
        if key is not None:
            headers.append((b"authorization", b"Bearer " + key.secret.encode()))
        return await client.send(origin, "POST", outgoing.wire.path, headers, outgoing.body)

    def learn(self, outgoing: Outgoing, status: int) -> bool:
        """A compatible server often lacks the responses operation: what was asked of it is then said as chat."""
        if outgoing.wire.name != "responses" or status not in (404, 405, 501):
            return False
        self._no_responses_until = time.monotonic() + FORGET_SECONDS
        return True
