"""Which plug a call is about."""

from __future__ import annotations

from smeplug._arguments import text, text_or_none
from smeplug.errors import ConfigurationError
from smeplug.models import Document


def plugin_or_none(given: str | None, default: str | None) -> str | None:
    """The plug named in the call, else the client's, if it has one."""
    return text_or_none("plugin_id", given) or default


def plugin_of(given: str | None, default: str | None) -> str:
    """The plug named in the call, else the client's."""
    plug = plugin_or_none(given, default)
    if not plug:
        raise ConfigurationError("which plug? pass plugin_id=…, here or to the client, or set SME_PLUGIN_ID")
    return plug


def plugin_and_id(document: Document | str, given: str | None, default: str | None) -> tuple[str, str]:
    """A document knows its plug; a bare id needs one named."""
    if isinstance(document, Document):
        return plugin_of(given, document.plugin_id), document.id
    return plugin_of(given, default), text("document", document)
