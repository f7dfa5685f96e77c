"""Refusals of services as pages: the one place where an AppError becomes HTML."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from patchbay.lib.errors import AppError


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
