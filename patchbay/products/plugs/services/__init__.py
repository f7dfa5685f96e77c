"""What changes plugs, their documents and their conversations; one module for each noun."""

from patchbay.products.plugs.services.documents import delete_document, reindex_document, upload_document
from patchbay.products.plugs.services.first_party import install_first_party
from patchbay.products.plugs.services.indexing import index_version
from patchbay.products.plugs.services.plugs import create_plug, delete_plug

__all__ = [
    "create_plug",
    "delete_document",
    "delete_plug",
    "index_version",
    "install_first_party",
    "reindex_document",
    "upload_document",
]
