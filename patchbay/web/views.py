"""What Django shows when a page fails, and every component on one page for those who build pages."""

import json
import sys
from datetime import UTC, datetime, timedelta

from django import forms
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from patchbay.lib.charts import Chart, Series, stack
from patchbay.lib.errors import (
    AppError,
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    UnknownHostError,
    from_exception,
)
from patchbay.web.errors import came_from


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(UnknownHostError() if isinstance(exception, DisallowedHost) else BadRequestError())


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(ForbiddenError("Your role does not open this page."))


class StalePageError(ForbiddenError):
    """A form came without the token of the visitor's session: it stood open too long, or was sent from elsewhere."""

    code, title = "stale_page", "This page was open too long"
    advice = "Reload the page and try again. If it happens again, allow cookies for this site."


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Lead back to the page that the form stood on; htmx gets a toast and our scripts JSON."""
    error = StalePageError("What you sent was not taken, and nothing was changed.")
    if request.headers.get("HX-Request"):  # this runs before the middleware that would know
        said = {"toast": {"text": f"{error.title}. Reload it and try again.", "tone": "danger"}}
        return HttpResponse(status=error.status, headers={"HX-Trigger": json.dumps(said), "HX-Reswap": "none"})
    if not request.accepts("text/html"):
        return JsonResponse({"message": f"{error.title}.", "next_step": error.next_step}, status=error.status)
    return _page(error, back=came_from(request.headers.get("Referer"), request.get_host()))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(NotFoundError("There is no page at this address.", next_step="Check the address, or go to the start."))


def failed(request: HttpRequest) -> HttpResponse:
    """500, or 503 when the database is away: drawn without it."""
    fault = sys.exc_info()[1]
    return _page(from_exception(fault if isinstance(fault, Exception) else RuntimeError()))


class ExampleForm(forms.Form):
    """What the page of components draws fields from."""

    name = forms.CharField(help_text="Say where it will be used.", error_messages={"required": "Enter a name."})
    secret = forms.CharField(widget=forms.PasswordInput, error_messages={"required": "Enter a password."})
    choice = forms.ChoiceField(choices=[("a", "First"), ("b", "Second")], error_messages={"required": "Choose one."})
    agreed = forms.BooleanField(label="Keep what was said", help_text="Says what ticking it does.")


def components(request: HttpRequest) -> HttpResponse:
    """Every component with its states; only in development (`urls.py`)."""
    refused = ExampleForm({}, auto_id="refused_%s")
    refused.add_error(None, "The form as a whole is refused.")
    shown = {"form": ExampleForm(initial={"choice": "a"}), "refused": refused, "chart": _example_chart()}
    return render(request, "components.html", shown)


def _example_chart() -> Chart:
    hours = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(12)]
    series = (Series("succeeded", "si"), Series("failed", "sx"))
    values = [(40 + 7 * hour, hour % 4) for hour in range(12)]
    return stack(
        "How many were there?", "requests", series=series, starts=hours, values=values, step=timedelta(hours=1)
    )


def _page(error: AppError, *, back: str = "") -> HttpResponse:
    response = HttpResponse(render_to_string("error.html", {"error": error, "back": back}), status=error.status)
    if error.retry_after:
        response["Retry-After"] = str(int(error.retry_after))
    return response
