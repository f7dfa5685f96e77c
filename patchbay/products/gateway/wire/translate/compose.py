"""Two translations as one: requests go through the first, then the second; answers come back the other way round."""

from patchbay.products.gateway.wire.contracts import Asked, Body, EventTranslator, TokenUsage, Translation


def compose(first: Translation, second: Translation) -> Translation:
    """Return the translation from the format that `first` is asked in to the one that `second` speaks."""

    def answer(body: Body, asked: Asked, usage: TokenUsage) -> Body:
        return first.answer(second.answer(body, asked, usage), asked, usage)

    def events(asked: Asked) -> EventTranslator:
        return _Chain(first.events(asked), second.events(asked))

    return Translation(lambda body: second.request(first.request(body)), answer, events)


class _Chain:
    """Events through two translators."""

    def __init__(self, outer: EventTranslator, inner: EventTranslator) -> None:
        self._outer = outer
        self._inner = inner

    def feed(self, events: bytes) -> bytes:
        return self._outer.feed(self._inner.feed(events))

    def final(self, events: bytes, usage: TokenUsage) -> bytes:
        return self._outer.final(self._inner.final(events, usage), usage)
