"""From an unsuccessful response to the error that tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from http import HTTPStatus

from smeplug.errors import ERROR_BY_STATUS, APIError, ServerError

_SHOWN = 200  # characters of a body that is no problem document, such as a proxy's page


def error_from_response(status: int, headers: Mapping[str, str], body: str) -> APIError:
    """The typed error for a response outside 2xx; `headers` must look names up in lower case."""
    return error_from_problem(
        _problem_in(body),
        status=status,
        request_id=headers.get("x-request-id"),
        retry_after=parse_retry_after(headers.get("retry-after")),
        fallback=body.strip()[:_SHOWN],
    )


def error_from_problem(
    problem: Mapping[str, object],
    *,
    status: int,
    request_id: str | None = None,
    retry_after: float | None = None,
    fallback: str = "",
) -> APIError:
    """The typed error for problem details, whether they came as a response or inside a stream."""
    kind = ERROR_BY_STATUS.get(status, ServerError if status >= 500 else APIError)
    return kind(
        status,
        str(problem.get("code") or f"http_{status}"),
        str(problem.get("title") or _phrase(status)),
        str(problem.get("detail") or fallback),
        _text_or_none(problem.get("request_id")) or request_id,
        problem,
        retry_after,
    )


def parse_retry_after(value: str | None) -> float | None:
    """Seconds to wait by a `Retry-After` header (delay or HTTP date, RFC 9110 §10.2.3); None if unusable."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:  # the obsolete "-0000" zone: HTTP dates are always UTC
        at = at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())


def _problem_in(body: str) -> Mapping[str, object]:
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
