"""allauth's hooks: what signs in, out or changes a password is in the audit log of the user's organisations."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from patchbay.kernel.accounts import services
from patchbay.kernel.accounts.middleware import client_address
from patchbay.kernel.accounts.models import User
from patchbay.kernel.jobs import services as jobs
from patchbay.lib.ids import new_id


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def post_login(self, request: HttpRequest, user: User, **values: Any) -> HttpResponse:
        services.record_session(user=user, action="session.created", address=client_address(request))
        response: HttpResponse = super().post_login(request, user, **values)
        return response

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("settings")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Note a wrong password, in the background: the same work here whether or not the address has an account,
        so that the time of the answer does not tell. allauth limits how often it can happen.
        """
        jobs.enqueue(
            "accounts.record_refused_sign_in",
            email=str(credentials.get("email") or "")[:254],
            address=client_address(request),
            attempt=new_id("try"),
        )

    @transaction.atomic
    def set_password(self, user: User, password: str) -> None:
        """Change or reset a password; a new one ends the user's other sessions, whose hash no longer fits."""
        super().set_password(user, password)
        request = self.request
        services.record_session(
            user=user, action="password.changed", address=client_address(request) if request else None
        )
