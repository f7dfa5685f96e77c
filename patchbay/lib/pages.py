"""What every page view shares: who is signed in, and a service's refusals as errors of a form."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.http import url_has_allowed_host_and_scheme

from patchbay.lib.actor import Actor
from patchbay.lib.errors import AppError, ForbiddenError

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """A request of a signed-in member; the accounts' middleware put the actor there."""

    actor: Actor


def signed_in(
    view: Callable[Concatenate[PageRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let members in; ask others to sign in and bring them back here. A user without an organisation gets 403.

    A script that lost its session gets 401: led to sign in, it would take that page for what it asked for.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *arguments: P.args, **values: P.kwargs) -> HttpResponseBase:
        if isinstance(request.user, AnonymousUser):
            return _signed_out(request)
        if getattr(request, "actor", None) is None:
            raise ForbiddenError(
                "You belong to no organisation.", next_step="Ask an owner to add you, or sign out and register one."
            )
        return view(request, *arguments, **values)  # type: ignore[arg-type]

    return guarded


def _signed_out(request: HttpRequest) -> HttpResponseBase:
    to_login = redirect_to_login(_way_back(request), settings.LOGIN_URL)
    if "HX-Request" in request.headers:
        return HttpResponse(status=401, headers={"HX-Redirect": to_login.url})
    if not request.accepts("text/html"):
        return JsonResponse({"message": "You are signed out.", "next_step": "Sign in and send it again."}, status=401)
    return to_login


def _way_back(request: HttpRequest) -> str:
    """The page one was at: what a script asks for and what only takes a form is no page to come back to."""
    shown = request.headers.get("HX-Current-URL", request.headers.get("Referer", ""))
    if request.method == "GET" and "HX-Request" not in request.headers:
        return request.get_full_path()
    if not url_has_allowed_host_and_scheme(shown, allowed_hosts={request.get_host()}):
        return str(settings.LOGIN_REDIRECT_URL)
    return urlsplit(shown)._replace(scheme="", netloc="").geturl()


def add_faults(form: BaseForm, error: AppError) -> None:
    """Put a refusal into a bound form: each fault at its field, else above the form."""
    for fault in error.fields:
        form.add_error(fault.field if fault.field in form.fields else None, fault.message)
    if not error.fields:
        form.add_error(None, " ".join(filter(None, (error.message, error.next_step))))
