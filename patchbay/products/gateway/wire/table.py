"""Every wire format, and the table of translations: in which format a provider is asked, for a request in another."""

import msgspec

from patchbay.lib.errors import BadRequestError, FieldError
from patchbay.products.gateway.wire import chat, count_tokens, embeddings, messages, responses
from patchbay.products.gateway.wire.contracts import Format, Head, Target, Translation, UnsupportedError, Wire
from patchbay.products.gateway.wire.reading import read_body
from patchbay.products.gateway.wire.translate import chat_to_messages, messages_to_chat, responses_to_chat
from patchbay.products.gateway.wire.translate.compose import compose
from patchbay.products.gateway.wire.translate.guard import guard

WIRES: dict[Format, Wire] = {
    "chat": chat.WIRE,
    "responses": responses.WIRE,
    "messages": messages.WIRE,
    "embeddings": embeddings.WIRE,
    "count_tokens": count_tokens.WIRE,
}
_TABLE: dict[Format, tuple[tuple[Format, Translation], ...]] = {
    "chat": (("messages", guard(chat_to_messages.TRANSLATION)),),
    "responses": (
        ("chat", guard(responses_to_chat.TRANSLATION)),
        ("messages", guard(compose(responses_to_chat.WITH_THOUGHT, chat_to_messages.TRANSLATION))),
    ),
    "messages": (("chat", guard(messages_to_chat.TRANSLATION)),),
}
"""For a format asked in, the formats it can be translated to, best first."""


def find_translation(asked: Format, spoken: frozenset[Format]) -> tuple[Format, Translation | None]:
    """Return the format in which a provider that speaks `spoken` is asked, and the translation there and back.

    None when it speaks the format itself: then bytes pass through. UnsupportedError when no way leads there.
    """
    if asked in spoken:
        return asked, None
    for target, translation in _TABLE.get(asked, ()):
        if target in spoken:
            return target, translation
    message = f"The provider of this model does not take {asked} requests."
    raise UnsupportedError(message, fields=(FieldError("model", message),))


def translate_body(
    body: bytes, head: Head, target: Target, *, asked: Format, spoken: Format, translation: Translation
) -> tuple[bytes, Head]:
    """Write the upstream's body in another format; returns it with its own head, by which its stream is followed.

    The limit that the hold covers is set before the translation too, since what depends on it (a thinking budget)
    must fit into it.
    """
    limited = WIRES[asked].prepare(body, head, target)
    try:
        translated = msgspec.json.encode(translation.request(read_body(limited)))
    except RecursionError as error:
        raise BadRequestError("The body is nested too deeply for the provider of this model.") from error
    wire = WIRES[spoken]
    spoken_head = wire.read(translated)
    return wire.prepare(translated, spoken_head, target), spoken_head
