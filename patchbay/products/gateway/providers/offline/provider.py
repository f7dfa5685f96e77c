"""The built-in model: no network, no key; answers by quoting the evidence that a plug gathered."""

import asyncio
from collections.abc import AsyncGenerator

from patchbay.kernel.plans.contracts import BYTES_PER_TOKEN
from patchbay.kernel.search.embedder import get_word_embedder
from patchbay.products.gateway.engine.contracts import Delta, Finish, FinishReason, LocalRequest
from patchbay.products.gateway.providers.offline.answer import write_answer
from patchbay.products.gateway.providers.offline.plain import write_plain


class OfflineModel:
    """Answers by quoting the request's evidence; a request without any gets quotes of its own text."""

    pays_itself = False

    async def stream(self, request: LocalRequest) -> AsyncGenerator[Delta | Finish, None]:
        """Yield the answer; the thinking is done in a thread, for it takes some tens of milliseconds."""
        pieces, reason = await asyncio.to_thread(_write, request)
        for piece in pieces:
            yield Delta(piece)
        yield Finish(reason)


def _write(request: LocalRequest) -> tuple[list[str], FinishReason]:
    """Return the pieces that the limit leaves room for: of evidence whole quotes, of a text as much as fits."""
    room = request.max_output_tokens * BYTES_PER_TOKEN
    if request.evidence is None:
        text = write_plain(request.body)
        kept = text.encode("utf-8", "surrogatepass")[:room].decode("utf-8", "ignore")
        return [kept], "stop" if len(kept) == len(text) else "length"
    pieces: list[str] = []
    for piece in write_answer(request.evidence, get_word_embedder()):
        room -= len(piece.encode("utf-8", "surrogatepass"))
        if room < 0 and pieces:  # what opens the answer says its outcome
            return pieces, "length"
        pieces.append(piece)
    return pieces, "stop"
