"""The usage page's forms: the monthly budget, and the filters of the ledger, which live in its address."""

from django import forms

from patchbay.lib import times
from patchbay.lib.money import MAX_CREDITS, from_credits

KINDS = (
    ("", "All"),
    ("spend", "Spent"),
    ("grant", "Granted"),
    ("expire", "Expired"),
    ("clawback", "Taken back"),
    ("repay", "Repaid"),
)


class BudgetForm(forms.Form):
    monthly_cap = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=MAX_CREDITS,
        decimal_places=6,
        label="Credits a month",
        help_text="Empty: no cap. It counts from the moment it is set, and renews on the first of each month, UTC.",
    )

    def cap_micro(self) -> int | None:
        """Return the cap in micro-credits, of a valid form."""
        given = self.cleaned_data["monthly_cap"]
        return None if given is None else from_credits(given)


class LedgerFilter(forms.Form):
    kind = forms.ChoiceField(required=False, choices=KINDS)
    since = forms.DateTimeField(required=False, validators=[times.validate])
    until = forms.DateTimeField(required=False, validators=[times.validate])

    def chosen(self) -> dict[str, object]:
        """Return the filters in use; of a faulty address those that are right."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
