"""Two translations as one: requests go through the first, then the second; answers come back the other way round."""

from dataclasses import replace

from patchbay.products.gateway.wire.contracts import Asked, Body, EventTranslator, Translation


def compose(first: Translation, second: Translation) -> Translation:
    """Return the translation from the format that `first` is asked in to the one that `second` speaks."""

    def answer(body: Body, asked: Asked) -> Body:
        return first.answer(second.answer(body, asked), asked)

    def events(asked: Asked) -> EventTranslator:
        return _Chain(first.events(asked), second.events(replace(asked, include_usage=True)))

    return Translation(lambda body: second.request(first.request(body)), answer, events)


class _Chain:
    """Events through two translators; between them usage always goes on, since the first needs it for its own end."""

    def __init__(self, outer: EventTranslator, inner: EventTranslator) -> None:
        self._outer = outer
        self._inner = inner

    def feed(self, events: bytes) -> bytes:
        return self._outer.feed(self._inner.feed(events))

    def final(self, events: bytes) -> bytes:
        return self._outer.final(self._inner.final(events))
