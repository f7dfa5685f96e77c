"""What every page view shares: who is signed in, and a service's refusals as errors of a form."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponseBase

from patchbay.lib.actor import Actor
from patchbay.lib.errors import AppError, ForbiddenError

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """A request of a signed-in member; the accounts' middleware put the actor there."""

    actor: Actor


def signed_in(
    view: Callable[Concatenate[PageRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let members in; ask others to sign in and bring them back here. A user without an organisation gets 403."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *arguments: P.args, **values: P.kwargs) -> HttpResponseBase:
        if isinstance(request.user, AnonymousUser):
            return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
        if getattr(request, "actor", None) is None:
            raise ForbiddenError(
                "You belong to no organisation.", next_step="Ask an owner to add you, or sign out and register one."
            )
        return view(request, *arguments, **values)  # type: ignore[arg-type]

    return guarded


def add_faults(form: BaseForm, error: AppError) -> None:
    """Put a refusal into a bound form: each fault at its field, else above the form."""
    for fault in error.fields:
        form.add_error(fault.field if fault.field in form.fields else None, fault.message)
    if not error.fields:
        form.add_error(None, " ".join(filter(None, (error.message, error.next_step))))
