"""What accounts refuse."""

from patchbay.lib.errors import ConflictError


class LastOwnerError(ConflictError):
    """An organisation keeps at least one owner."""

    code, title = "last_owner", "An organisation needs an owner"
