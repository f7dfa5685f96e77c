"""What is read of plugs, their documents and their conversations; one module for each noun."""

from patchbay.products.plugs.queries.plugs import get_plug, get_published, list_plugs

__all__ = ["get_plug", "get_published", "list_plugs"]
