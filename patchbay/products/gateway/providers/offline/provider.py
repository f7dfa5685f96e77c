"""The built-in model as a provider: no network, no key."""

import asyncio
from collections.abc import AsyncGenerator

from patchbay.kernel.plans.contracts import BYTES_PER_TOKEN
from patchbay.kernel.search.embedder import get_word_embedder
from patchbay.lib.money import ceil_div
from patchbay.products.gateway.engine.contracts import ChatRequest, Delta, Finish, ProviderEvent
from patchbay.products.gateway.providers.offline.answer import write_answer


class OfflineProvider:
    """Answers by quoting the request's evidence; without evidence it declines."""

    name = "offline"

    def prompt_bound(self, request: ChatRequest) -> int:
        """What the call will be charged for its prompt: the same estimate."""
        return ceil_div(request.prompt_bytes(), BYTES_PER_TOKEN)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ProviderEvent, None]:
        """Yield the answer; the thinking is done in a thread, for it takes some tens of milliseconds."""
        for piece in await asyncio.to_thread(_write, request):
            yield Delta(piece)
        yield Finish("stop")


def _write(request: ChatRequest) -> list[str]:
    return list(write_answer(request.evidence, get_word_embedder(), request.max_output_tokens * BYTES_PER_TOKEN))
