"""Times from outside: what has no like in UTC is refused before it reaches a database."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.core.exceptions import ValidationError

from patchbay.lib.times import checked, validate

EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


@pytest.mark.parametrize("moment", [datetime(1, 1, 1, tzinfo=EAST), datetime(9999, 12, 31, 23, tzinfo=WEST)])
def test_a_time_outside_the_years_that_can_be_stored_is_refused(moment: datetime) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        checked(moment)
    with pytest.raises(ValidationError, match="years 1 to 9999"):
        validate(moment)


@pytest.mark.parametrize(
    "moment", [datetime(1, 1, 1), datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=EAST)]
)
def test_any_other_is_left_as_it_is(moment: datetime) -> None:
    assert checked(moment) is moment
    validate(moment)
