"""Problem details for Django's side of the house."""

import math
from collections.abc import Callable

import msgspec
from django.core.exceptions import BadRequest, DisallowedHost
from django.http import HttpRequest, HttpResponse

from patchbay.lib.errors import (
    AppError,
    BadRequestError,
    ForbiddenError,
    MethodNotAllowedError,
    NotFoundError,
    TooLargeError,
    UnknownHostError,
    problem,
)

_PLAIN: dict[int, type[AppError]] = {
    400: BadRequestError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    413: TooLargeError,
}


def problem_response(request: HttpRequest, error: AppError) -> HttpResponse:
    """Render an error as `application/problem+json`."""
    request_id = getattr(request, "scope", {}).get("state", {}).get("request_id")
    body = msgspec.json.encode(problem(error, request_id=request_id))
    response = HttpResponse(body, status=error.status, content_type="application/problem+json")
    if error.retry_after is not None:
        response["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


class NulMiddleware:
    """Refuses a NUL in an address or a cookie before anything looks it up: no text here has one, and PostgreSQL takes
    none, not even to compare.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query: str = request.META.get("QUERY_STRING", "")
        if not ("\0" in request.path or "%00" in query or any("\0" in text for text in request.COOKIES.values())):
            return self.get_response(request)
        if request.path.startswith("/v1/"):
            return problem_response(request, BadRequestError("The address has a NUL character, which no name has."))
        raise BadRequest("a NUL character")


class ProblemMiddleware:
    """Under /v1 no answer is a page: what Django itself refuses becomes problem details too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path.startswith("/v1/") or response.status_code < 400:
            return response
        if response.get("Content-Type", "").startswith("application/problem+json"):
            return response
        answer = problem_response(request, _refusal(request, response.status_code))
        if allow := response.get("Allow"):
            answer["Allow"] = allow
        return answer


def _refusal(request: HttpRequest, status: int) -> AppError:
    try:
        request.get_host()
    except DisallowedHost:
        return UnknownHostError()
    return _PLAIN.get(status, AppError)()
