"""What an organisation allows itself: models, what becomes of cut streams, and whether bodies are kept."""

from collections.abc import Sequence
from typing import Any

from django import forms

from patchbay.products.gateway.models import OrganisationRules
from patchbay.products.gateway.queries.shapes import RulesView
from patchbay.products.gateway.services.rules import MAX_BODY_DAYS

ALL, SOME = "all", "some"


class RulesForm(forms.Form):
    which = forms.ChoiceField(choices=[(ALL, "All models"), (SOME, "Only these")], label="Models")
    known = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple, label="Allowed models")
    others = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        label="Other names",
        help_text="One a line, such as plug/legal-v1, or a model that is yet to come.",
    )
    cut_policy = forms.ChoiceField(
        choices=OrganisationRules.CutPolicy.choices, label="When a client leaves in the middle of a stream"
    )
    log_bodies = forms.BooleanField(
        required=False,
        label="Keep what is said",
        help_text="Requests and answers are kept, encrypted, for the request log. Off: they are kept nowhere.",
    )
    body_days = forms.IntegerField(
        min_value=1, max_value=MAX_BODY_DAYS, label="Days", help_text="After so many days they are deleted for good."
    )

    def __init__(self, *arguments: Any, models: Sequence[str], **values: Any) -> None:
        super().__init__(*arguments, **values)
        self.fields["known"].choices = [(name, name) for name in models]  # type: ignore[attr-defined]

    def rules(self) -> dict[str, Any]:
        """Return what `services.set_rules` takes, of a valid form."""
        given = self.cleaned_data
        listed = [*given["known"], *given["others"].split()]
        return {
            "allowed_models": listed if given["which"] == SOME else None,
            "cut_policy": given["cut_policy"],
            "log_bodies": given["log_bodies"],
            "body_days": given["body_days"],
        }


def shown_rules(rules: RulesView, models: Sequence[str]) -> dict[str, Any]:
    """Return the initial values of the form for rules as they are."""
    allowed = rules.allowed_models
    return {
        "which": ALL if allowed is None else SOME,
        "known": [name for name in models if allowed is None or name in allowed],
        "others": "\n".join(name for name in allowed or () if name not in models),
        "cut_policy": rules.cut_policy,
        "log_bodies": rules.log_bodies,
        "body_days": rules.body_days,
    }
