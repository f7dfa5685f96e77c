"""The form of a new key."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from patchbay.kernel.keys.checks import NAME_LENGTH
from patchbay.kernel.keys.contracts import PlugScope

_DAYS = [("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]


class KeyForm(forms.Form):
    name = forms.CharField(
        max_length=NAME_LENGTH, help_text="Say where it will be used, so that it can be revoked without fear."
    )
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
            "name": given["name"],
            "plug_id": given["plug_id"] or None,
            "environment": given["environment"],
            "permission": given["permission"],
            "expires_at": datetime.now(UTC) + timedelta(days=int(days)) if days else None,
        }
