"""Times as clients write them: one whose offset leads out of the years 1 to 9999 is no time that can be stored."""

from datetime import UTC, datetime

from django.core.exceptions import ValidationError

_FAULT = "must lie in the years 1 to 9999, in UTC too"


def checked(moment: datetime) -> datetime:
    """Return a time as it is; ValueError when there is none like it in UTC."""
    try:
        if moment.tzinfo is not None:
            moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(_FAULT) from None
    return moment


def validate(moment: datetime) -> None:
    """The same for a field of a form."""
    try:
        checked(moment)
    except ValueError:
        raise ValidationError(f"The time {_FAULT}.") from None
