"""The filters of the audit page; they live in its address."""

from django import forms

from patchbay.kernel.audit.contracts import KINDS
from patchbay.lib import times


class FilterForm(forms.Form):
    search = forms.CharField(required=False, max_length=200, label="Actor, object or address")
    kind = forms.ChoiceField(
        required=False, choices=[("", "All kinds"), *((kind, kind.capitalize()) for kind in KINDS)]
    )
    action = forms.CharField(required=False, max_length=80)
    actor = forms.CharField(required=False, max_length=200, label="Who")
    since = forms.DateTimeField(required=False, validators=[times.validate])
    until = forms.DateTimeField(required=False, validators=[times.validate])
