"""The built-in model: no network, no key; answers by quoting the evidence that a plug gathered."""

import asyncio
from collections.abc import AsyncGenerator

from patchbay.kernel.plans.contracts import BYTES_PER_TOKEN
from patchbay.kernel.search.embedder import get_word_embedder
from patchbay.products.gateway.engine.contracts import Delta, Finish, LocalRequest
from patchbay.products.gateway.providers.offline.answer import write_answer
from patchbay.products.gateway.providers.offline.plain import write_plain


class OfflineModel:
    """Answers by quoting the request's evidence; a request without any gets quotes of its own text."""

    pays_itself = False

    async def stream(self, request: LocalRequest) -> AsyncGenerator[Delta | Finish, None]:
        """Yield the answer; the thinking is done in a thread, for it takes some tens of milliseconds."""
        for piece in await asyncio.to_thread(_write, request):
            yield Delta(piece)
        yield Finish()


def _write(request: LocalRequest) -> list[str]:
    room = request.max_output_tokens * BYTES_PER_TOKEN
    if request.evidence is not None:
        return list(write_answer(request.evidence, get_word_embedder(), room))
    return list(write_plain(request.body, room))
