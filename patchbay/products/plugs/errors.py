"""What plugs and their documents refuse."""

from patchbay.lib.errors import ForbiddenError, NotFoundError


class PlugNotFoundError(NotFoundError):
    code, title = "plug_not_found", "There is no such plug here"


class DocumentNotFoundError(NotFoundError):
    code, title = "document_not_found", "There is no such document here"


class SharedPlugError(ForbiddenError):
    code, title = "shared_plug", "This plug's knowledge is not yours to change"
