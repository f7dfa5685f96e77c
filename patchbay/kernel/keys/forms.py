"""The forms of keys: a new one, its limits, a rotation."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from patchbay.kernel.keys.checks import NAME_LENGTH
from patchbay.kernel.keys.contracts import PlugScope
from patchbay.lib.money import MAX_CREDITS, from_credits

HOUR = 3600
_OVERLAPS = [
    ("0", "No time: it ends at once"),
    (str(HOUR), "1 hour"),
    (str(24 * HOUR), "24 hours"),
    (str(7 * 24 * HOUR), "7 days"),
]
_DAYS = [("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]


class LimitsForm(forms.Form):
    """A key's name and limits: to change it, and a part of making one."""

    name = forms.CharField(
        max_length=NAME_LENGTH, help_text="Say where it will be used, so that it can be revoked without fear."
    )
    requests_per_minute = forms.IntegerField(
        required=False, min_value=1, label="Requests a minute", help_text="Empty: as many as the plan allows."
    )
    monthly_cap = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=MAX_CREDITS,
        decimal_places=6,
        label="Credits a month",
        help_text="Empty: no cap. Counts from now on and renews on the first of each month, UTC.",
    )

    def limits(self) -> dict[str, Any]:
        """Return what `services.update_key` takes, of a valid form."""
        given = self.cleaned_data
        cap = given["monthly_cap"]
        return {
            "name": given["name"],
            "requests_per_minute": given["requests_per_minute"],
            "monthly_cap_micro": None if cap is None else from_credits(cap),
        }


class RotateForm(forms.Form):
    overlap = forms.ChoiceField(
        choices=_OVERLAPS,
        initial=str(24 * HOUR),
        label="Secret before stays good for",
        help_text="Long enough to put the new one wherever the key is used.",
    )
    seen_prefix = forms.CharField(required=False, widget=forms.HiddenInput)


class KeyForm(LimitsForm):
    plug_id = forms.ChoiceField(required=False, label="Scope")
    environment = forms.ChoiceField(
        choices=[("live", "Live"), ("test", "Test")], initial="live", help_text="Test keys spend no credits."
    )
    permission = forms.ChoiceField(choices=[("full", "Full"), ("read_only", "Read-only")], initial="full")
    expires = forms.ChoiceField(required=False, choices=_DAYS)

    def __init__(self, *arguments: Any, scopes: Sequence[PlugScope], **values: Any) -> None:
        super().__init__(*arguments, **values)
        named = [(scope.id, f"{scope.name} ({scope.slug})") for scope in scopes]
        self.fields["plug_id"].choices = [("", "Whole organisation"), *named]  # type: ignore[attr-defined]

    def terms(self) -> dict[str, Any]:
        """Return what `services.create_key` takes, of a valid form."""
        given = self.cleaned_data
        days = given["expires"]
        return {
            **self.limits(),
            "plug_id": given["plug_id"] or None,
            "environment": given["environment"],
            "permission": given["permission"],
            "expires_at": datetime.now(UTC) + timedelta(days=int(days)) if days else None,
        }
