"""What is read of plugs, their documents and their conversations; one module for each noun."""

from patchbay.products.plugs.queries.plugs import get_persona, get_plug, list_plugs

__all__ = ["get_persona", "get_plug", "list_plugs"]
