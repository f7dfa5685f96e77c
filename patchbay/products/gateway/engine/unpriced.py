"""What a provider charges beyond tokens: price lists have no line for it, so the platform's providers are not asked.

A faster tier, a search or a container costs whoever holds the provider's key more than the tokens that come back say.
An organisation that brought its own key pays that itself, and a model of this very process charges for no such thing.
"""

from dataclasses import replace

import msgspec

from patchbay.lib.errors import FieldError
from patchbay.products.gateway.engine.contracts import Ask
from patchbay.products.gateway.engine.registry import LOCAL_KIND
from patchbay.products.gateway.engine.terms import Terms
from patchbay.products.gateway.wire.contracts import UnsupportedError

_OF_THIS_PROCESS = (LOCAL_KIND, "offline")


def leave_to_own(ask: Ask, terms: Terms) -> Terms:
    """Return the terms with those targets alone where the platform pays nothing for the request's unpriced field.

    UnsupportedError, which names the field, when there is none.
    """
    field, organisation_id = ask.head.unpriced, ask.caller.organisation_id
    targets = tuple(
        target
        for target in terms.alias.targets
        if target.provider.organisation_id == organisation_id or target.provider.kind in _OF_THIS_PROCESS
    )
    if not targets:
        message = "The provider charges more for this than tokens, and no price is set for it here."
        raise UnsupportedError(
            f"{field}: {message}",
            fields=(FieldError(field, message),),
            next_step="Leave it out, or use a model of a provider that your organisation brought its own key for.",
        )
    return msgspec.structs.replace(terms, alias=replace(terms.alias, targets=targets))
