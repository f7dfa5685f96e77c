"""Which provider keeps an answer that an organisation got."""

from patchbay.products.gateway.contracts import Keeper
from patchbay.products.gateway.models import StoredAnswer


def find_keeper(organisation_id: str, answer_id: str) -> Keeper | None:
    """Return who keeps what an id names, None where this organisation was never given it."""
    row = StoredAnswer.objects.filter(organisation_id=organisation_id, answer_id=answer_id).first()
    return None if row is None else Keeper(row.provider_id, row.provider_key_id)
