"""Messages from Anthropic, or from a server that speaks its format."""

from patchbay.products.gateway.contracts import ModelTarget, ProviderConfig, ProviderKey
from patchbay.products.gateway.engine.contracts import Answer, Outgoing
from patchbay.products.gateway.providers.http import Server
from patchbay.products.gateway.wire.contracts import Format, Target

_FORMATS: frozenset[Format] = frozenset(("messages", "count_tokens"))
VERSION = b"2023-06-01"
"""The version in which we translate; a client of the same format has its own passed on."""


class AnthropicTransport:
    """Carries requests to one server; fulfils `engine.contracts.Transport`."""

    formats = _FORMATS
    pays_itself = False

    def __init__(self, config: ProviderConfig) -> None:
        self._server = Server(config)

    def target(self, target: ModelTarget, max_output_tokens: int | None) -> Target:
        return Target(target.model, max_output_tokens)

    async def send(self, outgoing: Outgoing, key: ProviderKey | None) -> Answer:
        client, origin = self._server.reach()
        headers = [(b"content-type", b"application/json"), (b"user-agent", b"patchbay"), *outgoing.passed]
        if not any(name == b"anthropic-version" for name, _ in outgoing.passed):
            headers.append((b"anthropic-version", VERSION))
        if key is not None:
            headers.append((b"x-api-key", key.secret.encode()))
        return await client.send(origin, "POST", outgoing.wire.path, headers, outgoing.body)

    def learn(self, outgoing: Outgoing, status: int) -> bool:
        return False
