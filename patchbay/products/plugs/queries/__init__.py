"""What is read of plugs, their documents and their conversations; one module for each noun."""

from patchbay.products.plugs.queries.documents import (
    get_document,
    get_stored_text,
    get_text,
    get_version,
    list_documents,
    list_failed_documents,
    page_documents,
)
from patchbay.products.plugs.queries.plugs import (
    find_plug,
    get_plug,
    get_published,
    list_keyword_only,
    list_plugs,
    list_scopes,
    page_plugs,
)

__all__ = [
    "find_plug",
    "get_document",
    "get_plug",
    "get_published",
    "get_stored_text",
    "get_text",
    "get_version",
    "list_documents",
    "list_failed_documents",
    "list_keyword_only",
    "list_plugs",
    "list_scopes",
    "page_documents",
    "page_plugs",
]
