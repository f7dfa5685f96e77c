"""The filters of the ledger on the usage page; they live in its address."""

from django import forms

KINDS = (
    ("", "All"),
    ("spend", "Spent"),
    ("grant", "Granted"),
    ("expire", "Expired"),
    ("clawback", "Taken back"),
    ("repay", "Repaid"),
)


class LedgerFilter(forms.Form):
    kind = forms.ChoiceField(required=False, choices=KINDS)
    since = forms.DateTimeField(required=False)
    until = forms.DateTimeField(required=False)

    def chosen(self) -> dict[str, object]:
        """Return the filters in use; of a faulty address those that are right."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
