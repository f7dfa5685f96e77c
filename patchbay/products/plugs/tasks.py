"""Background work of plugs, by name."""

from datetime import timedelta

from patchbay.kernel.jobs import registry
from patchbay.products.plugs.services import documents, indexing


@registry.task("plugs.index_document", max_attempts=indexing.MAX_ATTEMPTS + 1)
def index_document(version_id: int) -> None:
    """Read an uploaded file and let it answer."""
    indexing.index_version(version_id)


@registry.task("plugs.drop_files")
def drop_files(names: list[str]) -> None:
    """Delete the stored files of a plug that is gone."""
    documents.drop_files(names)


@registry.task("plugs.sweep_files")
def sweep_files() -> None:
    """Delete stored files that no document came to have."""
    documents.sweep_files()


registry.schedule("plugs.sweep_files", every=timedelta(days=1))
