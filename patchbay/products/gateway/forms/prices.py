"""The forms of prices: rates of a model by item, or the vendor's own times a margin."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms

from patchbay.kernel.plans.contracts import Rate
from patchbay.lib.money import MAX_CREDITS, MICRO, from_credits, plain
from patchbay.products.gateway.queries.models import TOKEN_ITEMS

PER = 1000


def shown_rate(rate: Rate) -> tuple[int, int]:
    """Return (micro-credits, units): for 1,000 where that is a whole amount, else as the rate stands."""
    micro, rest = divmod(rate.amount_micro * PER, rate.per)
    return (rate.amount_micro, rate.per) if rest else (micro, PER)


class RatesForm(forms.Form):
    """Two fields for each item: credits, and for how many units. An empty one of a model takes its own rate away."""

    def __init__(self, *arguments: Any, rates: Mapping[str, Rate], required: bool, **values: Any) -> None:
        super().__init__(*arguments, **values)
        for item in TOKEN_ITEMS:
            micro, per = shown_rate(rates[item]) if item in rates else (None, PER)
            name = item.replace("_", " ").capitalize()
            self.fields[item] = forms.DecimalField(
                required=required,
                min_value=Decimal(0),
                max_value=MAX_CREDITS,
                decimal_places=6,
                initial=None if micro is None else plain(micro),
                label=name,
            )
            self.fields[f"{item}_per"] = forms.IntegerField(
                min_value=1, max_value=MICRO * PER, initial=per, label=f"{name}: for so many"
            )

    @property
    def pairs(self) -> list[tuple[Any, Any]]:
        """Return the two fields of each item, for the template."""
        return [(self[item], self[f"{item}_per"]) for item in TOKEN_ITEMS]

    def rates(self) -> dict[str, Rate | None]:
        """Return what `services.set_prices` takes, of a valid form."""
        given = self.cleaned_data
        return {
            item: None if given[item] is None else Rate(from_credits(given[item]), given[f"{item}_per"])
            for item in TOKEN_ITEMS
        }


class VendorForm(forms.Form):
    vendor_model = forms.CharField(max_length=200, label="The vendor’s name of the model", help_text="Such as gpt-4.1.")
    vendor = forms.CharField(required=False, max_length=60, help_text="Such as openai, where several have one.")
    margin_percent = forms.IntegerField(
        min_value=1, initial=100, label="Percent of its price", help_text="120 sells it a fifth above what it costs."
    )
