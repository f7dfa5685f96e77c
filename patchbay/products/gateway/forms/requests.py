"""The filters of the request log; they live in its address."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

OUTCOMES = (("all", "All"), ("succeeded", "Succeeded"), ("failed", "Failed"))
_LATELY = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_TIMES = [
    ("", "Any time"),
    ("1h", "Last hour"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
]


class RequestFilter(forms.Form):
    request_id = forms.CharField(required=False, max_length=80, label="Request id")
    outcome = forms.ChoiceField(required=False, choices=OUTCOMES, label="Outcome")
    model = forms.ChoiceField(required=False, label="Model")
    provider = forms.ChoiceField(required=False, label="Provider")
    key_id = forms.ChoiceField(required=False, label="Key")
    lately = forms.ChoiceField(required=False, choices=_TIMES, label="Time")

    def __init__(
        self, *arguments: Any, models: list[str], providers: list[str], keys: list[tuple[str, str]], **values: Any
    ) -> None:
        super().__init__(*arguments, **values)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = field.label or ""
        self._offer("model", "All models", [(name, name) for name in models])
        self._offer("provider", "All providers", [(name, name) for name in providers])
        self._offer("key_id", "All keys", keys)

    def chosen(self) -> dict[str, Any]:
        """Return what `queries.list_requests` takes; of a faulty address what is right."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", "all")}
        if lately := given.pop("lately", None):
            given["since"] = datetime.now(UTC) - _LATELY[lately]
        return given

    def _offer(self, name: str, all_of_them: str, choices: list[tuple[str, str]]) -> None:
        """Offer what there is; what the address names is offered too, so that a link from elsewhere works."""
        named = self.data.get(name, "")
        known = {value for value, _ in choices}
        extra = [(named, named)] if named and named not in known else []
        self.fields[name].choices = [("", all_of_them), *choices, *extra]  # type: ignore[attr-defined]
