"""What Django shows when a page fails, and every component on one page for those who build pages."""

import sys

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from patchbay.lib.errors import AppError, ForbiddenError, NotFoundError, from_exception


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(ForbiddenError("Your role does not open this page."))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open for too long, or sent from elsewhere; nothing was done."""
    return _page(
        ForbiddenError("This form is no longer valid; nothing was changed.", next_step="Go back, reload, send again.")
    )


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


def components(request: HttpRequest) -> HttpResponse:
    """Every component with its states; only in development (`urls.py`)."""
    refused = ExampleForm({}, auto_id="refused_%s")
    refused.add_error(None, "The form as a whole is refused.")
    return render(request, "components.html", {"form": ExampleForm(initial={"choice": "a"}), "refused": refused})


def _page(error: AppError) -> HttpResponse:
    response = HttpResponse(render_to_string("error.html", {"error": error}), status=error.status)
    if error.retry_after:
        response["Retry-After"] = str(int(error.retry_after))
    return response
