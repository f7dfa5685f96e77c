"""The forms of the account pages."""

from typing import Any

from allauth.account.forms import LoginForm, SignupForm
from django import forms
from django.http import HttpRequest

from patchbay.kernel.accounts import registration, services
from patchbay.kernel.accounts.middleware import client_address
from patchbay.kernel.accounts.models import Membership, User


class SignInForm(LoginForm):  # type: ignore[misc]
    """allauth's sign-in; the page itself says where a password is reset."""

    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        self.fields["password"].help_text = ""


class RegisterForm(SignupForm):  # type: ignore[misc]
    """allauth's sign-up with a company; saves by `services.register`, which is one transaction."""

    field_order = ["company", "email", "password1"]
    company = forms.CharField(
        label="Company name",
        max_length=registration.NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )

    def save(self, request: HttpRequest) -> User:
        """Register; InvalidError, which the view turns into errors of the form, when something was taken meanwhile."""
        given = self.cleaned_data
        membership = services.register(
            email=given["email"],
            password=given["password1"],
            company=given["company"],
            address=client_address(request),
        )
        return membership.user


class OrganisationForm(forms.Form):
    name = forms.CharField(max_length=registration.NAME_LENGTH)
    slug = forms.CharField(max_length=60, help_text="Part of the organisation's links.")


class ProfileForm(forms.Form):
    name = forms.CharField(max_length=registration.NAME_LENGTH, required=False)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Membership.Role.choices)
