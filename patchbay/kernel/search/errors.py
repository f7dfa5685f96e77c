"""What search refuses."""

from patchbay.lib.errors import TooLargeError


class TooManyUnitsError(TooLargeError):
    code, title = "too_many_units", "The document has more pieces than can be searched"
