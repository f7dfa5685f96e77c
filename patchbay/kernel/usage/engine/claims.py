"""Giving claims back: a database that made a request fail may fail this as well, and then it is done later.

Else a retry would be told to wait for a request that ended, for as long as this process lives.
"""

from collections import deque

import structlog
from django.db import DatabaseError, InterfaceError

from patchbay.kernel.usage.models import RequestClaim

log = structlog.get_logger(__name__)
_late: deque[str] = deque(maxlen=10_000)


def abandon(claim_id: str) -> None:
    """Delete a claim that has no answer, now or with one of the next heartbeats."""
    try:
        RequestClaim.objects.filter(id=claim_id, response=None).delete()
    except (DatabaseError, InterfaceError) as error:
        log.warning("claim is given back later", error=str(error))
        _late.append(claim_id)


def abandon_late() -> None:
    """Try once more to delete what could not be deleted before."""
    for _ in range(len(_late)):
        abandon(_late.popleft())
