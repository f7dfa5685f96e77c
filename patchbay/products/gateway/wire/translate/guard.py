"""What a provider sends may lack what its format promises; then the answer is broken, not we."""

import contextlib
from collections.abc import Iterator

from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Asked, Body, EventTranslator, TokenUsage, Translation


def guard(translation: Translation) -> Translation:
    """Return the translation with ModelBrokenError for an answer or event that lacks what its format promises."""

    def answer(body: Body, asked: Asked, usage: TokenUsage) -> Body:
        with _broken():
            return translation.answer(body, asked, usage)

    return Translation(translation.request, answer, lambda asked: _Guarded(translation.events(asked)))


class _Guarded:
    def __init__(self, translator: EventTranslator) -> None:
        self._translator = translator

    def feed(self, events: bytes) -> bytes:
        with _broken():
            return self._translator.feed(events)

    def final(self, events: bytes, usage: TokenUsage) -> bytes:
        with _broken():
            return self._translator.final(events, usage)


@contextlib.contextmanager
def _broken() -> Iterator[None]:
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ModelBrokenError("The model provider sent an answer that lacks what its format promises.") from error
