"""The forms of providers: their terms, and their keys, which go in and never come out."""

from typing import Any

from django import forms

_KINDS = [("openai", "OpenAI, or compatible"), ("anthropic", "Anthropic, or compatible")]
_SECRET = forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"})
_NO_LIMIT = "Empty: no limit known."


class ProviderForm(forms.Form):
    """The terms of a provider that is there; staff alone are asked about private addresses."""

    name = forms.CharField(max_length=60, help_text="Letters, digits, dots, hyphens; as in provider/model.")
    base_url = forms.CharField(
        required=False,
        max_length=500,
        label="Base URL",
        help_text="As its SDK takes it; OpenAI’s ends in /v1. Empty: the vendor’s own.",
    )
    api_key = forms.CharField(
        required=False,
        max_length=1000,
        widget=_SECRET,
        label="API key",
        help_text="Kept encrypted and never shown again, but for its last four characters.",
    )
    max_concurrent = forms.IntegerField(
        required=False, min_value=1, label="Requests at once", help_text=_NO_LIMIT + " More wait in a queue."
    )
    requests_per_minute = forms.IntegerField(
        required=False, min_value=1, label="Requests a minute", help_text=_NO_LIMIT
    )
    queue_length = forms.IntegerField(min_value=0, initial=100, label="Places in the queue")
    queue_seconds = forms.FloatField(min_value=0, initial=10, label="Seconds in the queue at most")
    private_allowed = forms.BooleanField(
        required=False, label="A private address", help_text="It stands in this network; plain HTTP is allowed too."
    )

    def __init__(self, *arguments: Any, staff: bool, **values: Any) -> None:
        super().__init__(*arguments, **values)
        if not staff:
            del self.fields["private_allowed"]

    def terms(self) -> dict[str, Any]:
        """Return what `services.update_provider` takes, of a valid form."""
        given = dict(self.cleaned_data)
        given["api_key"] = given["api_key"] or None
        return given


class NewProviderForm(ProviderForm):
    """A provider that is added; with a `kind`, which stays as it is made."""

    kind = forms.ChoiceField(choices=_KINDS, initial="openai", label="It speaks")
    field_order = ("name", "kind")


class KeyForm(forms.Form):
    """One more credential of a provider, or one in the place of another."""

    api_key = forms.CharField(max_length=1000, widget=_SECRET, label="API key", help_text="Never shown again.")
    weight = forms.IntegerField(
        min_value=1, max_value=1000, initial=1, label="Weight", help_text="Its share of the requests among the keys."
    )


class RotateForm(forms.Form):
    api_key = forms.CharField(
        max_length=1000, widget=_SECRET, label="New API key", help_text="It takes the old one’s place at once."
    )
