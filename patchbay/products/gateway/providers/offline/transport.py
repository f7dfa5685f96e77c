"""The built-in model as a provider: chat by quoting, embeddings by the built-in encoder."""

import asyncio

from patchbay.products.gateway.contracts import OFFLINE_MODEL, ProviderConfig, ProviderKey
from patchbay.products.gateway.engine.contracts import Answer, Outgoing
from patchbay.products.gateway.engine.local import LocalTransport, ReadyAnswer
from patchbay.products.gateway.providers.offline.embeddings import embed
from patchbay.products.gateway.wire.contracts import Format

_FORMATS: frozenset[Format] = frozenset(("chat", "embeddings"))


class OfflineTransport(LocalTransport):
    """Fulfils `engine.contracts.Transport`; needs no network and no key."""

    formats = _FORMATS

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config, OFFLINE_MODEL)

    async def send(self, outgoing: Outgoing, key: ProviderKey | None) -> Answer:
        if outgoing.wire.name != "embeddings":
            return await super().send(outgoing, key)
        assert outgoing.local is not None
        return ReadyAnswer(await asyncio.to_thread(embed, outgoing.local.body))
