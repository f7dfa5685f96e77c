"""Pages that look over everything: the start, the dashboard, the docs, the mail that was not sent."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from patchbay.lib import mail
from patchbay.lib.errors import AppError, NotFoundError
from patchbay.lib.pages import PageRequest, signed_in
from patchbay.site.dashboard import overview
from patchbay.site.doors import DOORS, PLUG_MODEL

LOOPBACK = frozenset({"127.0.0.1", "::1"})


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The start: the dashboard for members, signing in for everyone else."""
    return redirect("dashboard" if request.user.is_authenticated else settings.LOGIN_URL)


@require_GET
@signed_in
def dashboard(request: PageRequest) -> HttpResponse:
    return render(request, "site/dashboard.html", overview(request.actor))


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    doors = [(door, door.curl(settings.BASE_URL)) for door in DOORS]
    context = {"base_url": settings.BASE_URL, "doors": doors, "plug_model": PLUG_MODEL}
    return render(request, "site/docs.html", context)


@require_GET
def error_docs(request: HttpRequest) -> HttpResponse:
    """Every problem's `type` leads here, to its code."""
    kinds = {error.code: error for error in _errors(AppError)}
    errors = sorted(kinds.values(), key=lambda error: (error.status, error.code))
    return render(request, "site/errors.html", {"errors": errors})


@require_GET
def outbox(request: HttpRequest) -> HttpResponse:
    """Mail of an instance without an SMTP server, for whoever sits at the machine; it holds links that sign in."""
    _require_loopback(request)
    return render(request, "site/mail.html", {"mails": mail.list_messages()})


@require_GET
def outbox_message(request: HttpRequest, message_id: str) -> HttpResponse:
    _require_loopback(request)
    return render(request, "site/message.html", {"mail": mail.get_message(message_id)})


def _require_loopback(request: HttpRequest) -> None:
    """A proxy on this machine calls from a loopback address too: so the instance must be a local one by its name."""
    local_name = urlsplit(settings.BASE_URL).hostname in LOOPBACK | {"localhost"}
    local_peer = request.META.get("REMOTE_ADDR") in LOOPBACK and "HTTP_X_FORWARDED_FOR" not in request.META
    if not (local_name and local_peer):
        raise NotFoundError("There is no page at this address.")


def _errors(parent: type[AppError]) -> Iterator[type[AppError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from _errors(child)
