"""Refusals as pages: of services, by a middleware, and of what stands before Django."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import respond, respond_problem
from patchbay.lib.asgi.types import Headers
from patchbay.lib.errors import AppError, TooLargeError
from patchbay.web.middleware import HEADERS
from patchbay.web.templatetags.patchbay import size

_HEADERS: Headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()] + [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]
"""What Django's middlewares add to every other page."""


class PageErrorMiddleware:
    """Renders `error.html` with `error` (an AppError) and its status; other exceptions take Django's way."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, AppError):
            return None
        return render(request, "error.html", {"error": exception}, status=exception.status)


async def respond_error(request: Request, error: AppError, *, headers: Headers | None = None) -> None:
    """Answer in place of Django: a page for a browser, problem details for programs and for all under /v1."""
    if request.path.startswith("/v1/") or "text/html" not in (request.header(b"accept") or ""):
        await respond_problem(request, error, headers=headers)
        return
    back = came_from(request.header(b"referer"), request.header(b"host") or "")
    page = render_to_string("error.html", {"error": _in_words(error), "back": back})
    await respond(
        request,
        error.status,
        page.encode(),
        content_type=b"text/html; charset=utf-8",
        headers=[*_HEADERS, *(headers or [])],
    )


def came_from(referer: str | None, host: str) -> str:
    """Return the page of ours that the browser says it came from, else the start."""
    if not url_has_allowed_host_and_scheme(referer, allowed_hosts={host}):
        return "/"
    parts = urlsplit(referer or "")
    path = "/" + parts.path.lstrip("/")  # two slashes would begin the name of another host
    return f"{path}?{parts.query}" if parts.query else path


def _in_words(error: AppError) -> AppError:
    """Say a limit as people do, not in bytes of a body."""
    if not isinstance(error, TooLargeError) or "limit_bytes" not in error.extra:
        return error
    return TooLargeError(
        f"What you sent is larger than {size(error.extra['limit_bytes'])}, and nothing of it was kept.",
        next_step="Reload the page and send less at once, such as one file at a time.",
    )
