"""The form of a new plug."""

from django import forms

from patchbay.products.plugs.models import Plug
from patchbay.products.plugs.services.plugs import MAX_DESCRIPTION


class PlugForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="Its id is made of it and stays, so that programs can rely on it.")
    domain = forms.ChoiceField(choices=Plug.Domain.choices, initial=Plug.Domain.GENERAL)
    description = forms.CharField(
        required=False,
        max_length=MAX_DESCRIPTION,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What its documents are about, in a sentence.",
    )
