"""The account pages that are ours: registering, settings, members, sessions, the switch between organisations.

Signing in and out and everything about passwords are allauth's views with our templates.
"""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, cast

from allauth.account.views import SignupView
from allauth.usersessions.internal.flows.sessions import end_other_sessions
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.forms import BaseForm, Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from patchbay.kernel.accounts import queries, services
from patchbay.kernel.accounts.forms import OrganisationForm, ProfileForm, RoleForm
from patchbay.kernel.accounts.models import Membership, User
from patchbay.lib.actor import Role
from patchbay.lib.errors import AppError, InvalidError, NotFoundError
from patchbay.lib.pages import PageRequest, add_faults, signed_in


class RegisterView(SignupView):  # type: ignore[misc]
    def form_valid(self, form: Form) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)
        except InvalidError as error:  # the address or the name was taken since the form was checked
            add_faults(form, error)
            response = self.form_invalid(form)
        return response


def refusing(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Have a view of allauth answer 422 where it shows a form anew because of its faults, as ours do; it says 200."""

    @wraps(view)
    def answered(request: HttpRequest, *arguments: Any, **values: Any) -> HttpResponse:
        response = view(request, *arguments, **values)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if response.status_code == HTTPStatus.OK and isinstance(form, BaseForm) and form.errors:
            response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        return response

    return answered


register = refusing(RegisterView.as_view())


@require_GET
@signed_in
def settings(request: PageRequest) -> HttpResponse:
    return _settings(request)


@require_POST
@signed_in
def save_organisation(request: PageRequest) -> HttpResponse:
    form = OrganisationForm(request.POST)
    if form.is_valid():
        try:
            services.rename_organisation(actor=request.actor, **form.cleaned_data)
        except InvalidError as error:
            add_faults(form, error)
        else:
            messages.success(request, "The organisation is saved.")
            return redirect("settings")
    return _settings(request, organisation_form=form, status=422)


@require_POST
@signed_in
def save_profile(request: PageRequest) -> HttpResponse:
    form = ProfileForm(request.POST)
    if form.is_valid():
        try:
            services.rename_user(user=cast(User, request.user), name=form.cleaned_data["name"])
        except InvalidError as error:
            add_faults(form, error)
        else:
            messages.success(request, "Your name is saved.")
            return redirect("settings")
    return _settings(request, profile_form=form, status=422)


def _settings(
    request: PageRequest,
    *,
    organisation_form: OrganisationForm | None = None,
    profile_form: ProfileForm | None = None,
    status: int = 200,
) -> HttpResponse:
    organisation = queries.get_organisation(request.actor.organisation_id)
    user = cast(User, request.user)
    sessions = sorted(UserSession.objects.purge_and_list(user), key=lambda session: session.created_at, reverse=True)
    context = {
        "organisation": organisation,
        "organisation_form": organisation_form
        or OrganisationForm(initial={"name": organisation.name, "slug": organisation.slug}),
        "profile_form": profile_form or ProfileForm(initial={"name": user.name}),
        "sessions": sessions,
        "role": request.actor.role,
        "is_owner": request.actor.role == "owner",
    }
    return render(request, "accounts/settings.html", context, status=status)


@require_http_methods(["GET", "POST"])
@signed_in
def end_session(request: PageRequest, session_id: int) -> HttpResponse:
    """End one of one's own sessions; GET asks. The browser that holds it is signed out at its next request."""
    session = UserSession.objects.filter(user_id=request.actor.user_id, pk=session_id).first()
    if session is None:
        raise NotFoundError("There is no such session.")
    if request.method == "GET":
        return render(request, "accounts/end_sessions.html", {"sessions": [session]})
    session.end()
    services.record_session(user=cast(User, request.user), action="session.revoked", address=request.actor.address)
    messages.success(request, "The session is ended.")
    return redirect("settings")


@require_http_methods(["GET", "POST"])
@signed_in
def end_others(request: PageRequest) -> HttpResponse:
    """End all of one's sessions but this one; GET asks."""
    if request.method == "GET":
        others = [session for session in UserSession.objects.purge_and_list(request.user) if not session.is_current()]
        return render(request, "accounts/end_sessions.html", {"sessions": others, "all": True})
    end_other_sessions(request, cast(User, request.user))
    services.record_session(
        user=cast(User, request.user), action="session.others_revoked", address=request.actor.address
    )
    messages.success(request, "Your other sessions are ended.")
    return redirect("settings")


@require_POST
@signed_in
def switch_organisation(request: PageRequest) -> HttpResponse:
    """Make another of the user's organisations the current one of this session."""
    wanted = queries.find_membership(str(request.user.pk), request.POST.get("organisation_id", ""))
    if wanted is None:
        raise NotFoundError("There is no such organisation.")
    request.session[queries.CURRENT_ORGANISATION] = wanted.organisation_id
    return redirect("/dashboard")


@require_GET
@signed_in
def members(request: PageRequest) -> HttpResponse:
    found = list(queries.list_members(request.actor.organisation_id))
    owners = [member for member in found if member.role == Membership.Role.OWNER]
    context = {
        "members": found,
        "roles": Membership.Role.choices,
        "only_owner": owners[0] if len(owners) == 1 else None,
        "is_owner": request.actor.role == "owner",
        "me": request.actor.user_id,
    }
    return render(request, "accounts/members.html", context)


@require_POST
@signed_in
def change_role(request: PageRequest, membership_id: str) -> HttpResponse:
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise InvalidError("There is no such role.")
    role = cast(Role, form.cleaned_data["role"])
    member = services.change_role(actor=request.actor, membership_id=membership_id, role=role)
    messages.success(request, f"{member.user} is now {role}.")
    return redirect("members")


@require_http_methods(["GET", "POST"])
@signed_in
def remove_member(request: PageRequest, membership_id: str) -> HttpResponse:
    """GET asks, POST does. One's own membership is left this way too."""
    found = queries.list_members(request.actor.organisation_id).filter(pk=membership_id).first()
    if found is None:
        raise NotFoundError("There is no such member.")
    leaving = found.user_id == request.actor.user_id
    context = {"member": found, "leaving": leaving}
    if request.method == "GET":
        return render(request, "accounts/remove.html", context)
    try:
        services.remove_member(actor=request.actor, membership_id=membership_id)
    except AppError as error:
        return render(request, "accounts/remove.html", {**context, "error": error}, status=error.status)
    messages.success(request, f"{found.user} is no longer a member of {found.organisation}.")
    return redirect("/" if leaving else "members")
