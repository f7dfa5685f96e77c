"""Every wire format, and the table of translations: in which format a provider is asked, for a request in another."""

from patchbay.lib.errors import FieldError
from patchbay.products.gateway.wire import chat, messages
from patchbay.products.gateway.wire.contracts import Format, Translation, UnsupportedError, Wire

WIRES: dict[Format, Wire] = {"chat": chat.WIRE, "messages": messages.WIRE}
_TABLE: dict[Format, tuple[tuple[Format, Translation], ...]] = {}
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
