"""The route editor: a model's own terms, and its targets as a list of rows that can be added, moved and removed.

Rows stand in the order in which they are tried; a row that shares with the one above is balanced with it by weight.
Every change of the list is one submit of the whole form, so nothing of it needs a script, and what was typed stays.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from patchbay.products.gateway.checks import MAX_ALIAS_LENGTH, WantedTarget
from patchbay.products.gateway.contracts import DEFAULT_CONTEXT_TOKENS
from patchbay.products.gateway.queries.shapes import AliasView

PREFIX = "targets"
ACTIONS = ("add", "drop", "up", "down")
"""Names of the buttons. None is a method of a form in the browser, which a control of that name would hide."""


class AliasForm(forms.Form):
    name = forms.CharField(
        max_length=MAX_ALIAS_LENGTH, label="Name", help_text="What clients put into “model”: visible, without spaces."
    )
    balancing = forms.ChoiceField(
        choices=[("weighted", "By weight"), ("least_busy", "To the least busy")],
        initial="weighted",
        label="Among targets that share",
    )
    cache_seconds = forms.IntegerField(
        min_value=0,
        initial=0,
        label="Seconds in the cache",
        help_text="Equal requests of your organisation get the same answer for so long. 0: never, unless they ask.",
    )
    enabled = forms.BooleanField(
        required=False,
        initial=True,
        label="Switched on",
        help_text="Off: clients are told that there is no such model.",
    )


class TargetForm(forms.Form):
    provider = forms.ChoiceField(label="Provider")
    model = forms.CharField(max_length=200, label="Its name of the model")
    shares = forms.BooleanField(required=False, label="Shares with the one above")
    weight = forms.IntegerField(min_value=1, initial=1, label="Weight")
    max_prompt_tokens = forms.IntegerField(
        required=False, min_value=1, label="Only prompts up to", help_text="In tokens. Empty: any."
    )
    context_tokens = forms.IntegerField(min_value=1, initial=DEFAULT_CONTEXT_TOKENS, label="Context, tokens")
    max_output_tokens = forms.IntegerField(
        required=False, min_value=1, label="Answer at most", help_text="In tokens. Empty: the rest of the context."
    )
    tools = forms.BooleanField(required=False, initial=True, label="Takes tools")

    def __init__(self, *arguments: Any, providers: Sequence[tuple[str, str]], **values: Any) -> None:
        super().__init__(*arguments, **values)
        self.fields["provider"].choices = providers  # type: ignore[attr-defined]
        self.focus = ""  # the control that was just moved or made: "up", "down", "provider"

    @property
    def has_conditions(self) -> bool:
        """Whether the part of the row that is folded away says something, or has a fault."""
        folded = ("max_prompt_tokens", "max_output_tokens", "context_tokens", "tools")
        if self.is_bound and any(name in self.errors for name in folded):
            return True
        return bool(self["max_prompt_tokens"].value() or not self["tools"].value())


class RouteForm:
    """The alias and its targets as one form; `rows` are never none."""

    def __init__(self, alias: AliasForm, rows: list[TargetForm]) -> None:
        self.alias = alias
        self.rows = rows

    def focus(self, name: str, number: int) -> None:
        """Let a control of a row have the focus when the form is shown."""
        row = self.rows[number]
        row.focus = name
        if name in row.fields:
            row.fields[name].widget.attrs["autofocus"] = True

    def is_valid(self) -> bool:
        return all([self.alias.is_valid(), *(row.is_valid() for row in self.rows)])

    def terms(self) -> dict[str, Any]:
        """Return what `services.create_alias` takes, of a valid form."""
        targets, order = [], 0
        for number, row in enumerate(self.rows):
            given = dict(row.cleaned_data)
            order += 1 if number and not given.pop("shares") else 0
            given.pop("shares", None)
            targets.append(WantedTarget(order=order, **given))
        return {**self.alias.cleaned_data, "targets": targets}

    def add_faults(self, faults: Sequence[tuple[str, str]]) -> None:
        """Put refusals, as (dotted path, message), to the fields that they name: `targets.1.model`."""
        for path, message in faults:
            parts = path.split(".")
            form: forms.Form = self.alias
            name = path
            if parts[0] == PREFIX and len(parts) > 1:
                form, name = self.rows[int(parts[1])], parts[2] if len(parts) > 2 else ""
            form.add_error(name if name in form.fields else None, message)


def blank_route(providers: Sequence[tuple[str, str]]) -> RouteForm:
    """Return the form of a new model: one target to fill in."""
    return RouteForm(AliasForm(), [_row(0, providers, {})])


def shown_route(alias: AliasView, providers: Sequence[tuple[str, str]]) -> RouteForm:
    """Return the form of a model as it is."""
    own = {name: getattr(alias, name) for name in AliasForm.base_fields}
    rows = []
    for number, target in enumerate(alias.targets):
        shown = {name: getattr(target, name, None) for name in TargetForm.base_fields}
        shares = bool(number) and target.order == alias.targets[number - 1].order
        rows.append(_row(number, providers, shown | {"provider": target.provider_id, "shares": shares}))
    return RouteForm(AliasForm(initial=own), rows or [_row(0, providers, {})])


def sent_route(sent: QueryDict, providers: Sequence[tuple[str, str]]) -> RouteForm:
    """Return the form as it was sent, to be checked."""
    rows = [TargetForm(sent, prefix=f"{PREFIX}-{number}", providers=providers) for number in range(_count(sent))]
    return RouteForm(AliasForm(sent), rows)


def changed_route(sent: QueryDict, providers: Sequence[tuple[str, str]]) -> RouteForm | None:
    """Return the form with its rows changed as a pressed button says, all that was typed kept, nothing checked yet.

    None when no such button was pressed. What was moved or made has the focus.
    """
    action = next((name for name in ACTIONS if name in sent), None)
    if action is None:
        return None
    rows = [_typed(sent, number) for number in range(_count(sent))]
    at = _position(str(sent[action]), len(rows))
    focused = _change(rows, action, at)
    own = {name: sent.get(name, "") for name in AliasForm.base_fields} | {"enabled": "enabled" in sent}
    form = RouteForm(AliasForm(initial=own), [_row(number, providers, row) for number, row in enumerate(rows)])
    form.focus(*focused)
    return form


def _change(rows: list[dict[str, Any]], action: str, at: int) -> tuple[str, int]:
    """Change the list in place; return which control of which row gets the focus."""
    if action == "add":
        rows.append({})
        return "provider", len(rows) - 1
    if action == "drop":
        if len(rows) > 1:
            rows.pop(at)
        return "provider", min(at, len(rows) - 1)
    to = at + (-1 if action == "up" else 1)
    if not 0 <= to < len(rows):
        return action, at
    rows[at], rows[to] = rows[to], rows[at]
    # At an end the button that was pressed is gone: the other one of the row gets the focus.
    return {0: "down", len(rows) - 1: "up"}.get(to, action), to


def _typed(sent: QueryDict, number: int) -> dict[str, Any]:
    prefix = f"{PREFIX}-{number}-"
    typed: dict[str, Any] = {name: sent.get(prefix + name, "") for name in TargetForm.base_fields}
    return typed | {name: prefix + name in sent for name in ("shares", "tools")}


def _row(number: int, providers: Sequence[tuple[str, str]], shown: dict[str, Any]) -> TargetForm:
    return TargetForm(initial=shown, prefix=f"{PREFIX}-{number}", providers=providers)


def _count(sent: QueryDict) -> int:
    """Return how many rows the form has; 1 to 100 whatever it says."""
    said = sent.get(f"{PREFIX}-count", "1")
    return max(1, min(int(said), 100)) if said.isdecimal() and len(said) < 5 else 1


def _position(said: str, count: int) -> int:
    return min(int(said), count - 1) if said.isdecimal() and len(said) < 5 else 0
