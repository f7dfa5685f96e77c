"""Which plug a call is about."""

from __future__ import annotations

from smeplug.errors import ConfigurationError
from smeplug.models import Document


def plugin_of(given: str | None, default: str | None) -> str:
    """The plug named in the call, else the client's."""
    plug = given or default
    if not plug:
        raise ConfigurationError("which plug? pass plugin_id=…, here or to the client, or set SME_PLUGIN_ID")
    return plug


def plugin_and_id(document: Document | str, given: str | None, default: str | None) -> tuple[str, str]:
    """A document knows its plug; a bare id needs one named."""
    if isinstance(document, Document):
        return given or document.plugin_id, document.id
    return plugin_of(given, default), document
