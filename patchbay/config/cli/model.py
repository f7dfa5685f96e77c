"""`patchbay model`: the names that clients use for models, and where they lead. A running server knows at once."""

import argparse
from typing import TYPE_CHECKING

from patchbay.config.cli.operator import print_json, print_table, run_as_operator, scope_of

if TYPE_CHECKING:
    from patchbay.products.gateway.queries.shapes import TargetView


def run(arguments: argparse.Namespace) -> int:
    return run_as_operator(arguments, _ACTIONS[arguments.action])


def _add(arguments: argparse.Namespace) -> int:
    from patchbay.products.gateway import services
    from patchbay.products.gateway.checks import WantedTarget
    from patchbay.products.gateway.contracts import DEFAULT_CONTEXT_TOKENS

    actor, owner = scope_of(arguments)
    provider, model = _target(arguments.target)
    target = WantedTarget(
        provider=provider,
        model=model,
        order=arguments.order,
        weight=arguments.weight,
        max_prompt_tokens=arguments.max_prompt_tokens,
        tools=not arguments.no_tools,
        context_tokens=arguments.context_tokens or DEFAULT_CONTEXT_TOKENS,
        max_output_tokens=arguments.max_output_tokens,
    )
    alias = services.put_target(actor=actor, organisation_id=owner, alias=arguments.alias, target=target)
    said = {"balancing": arguments.balancing, "cache_seconds": arguments.cache_seconds}
    terms = {name: value for name, value in said.items() if value is not None}
    if terms:
        services.update_alias(actor=actor, organisation_id=owner, alias=alias.id, **terms)
    print(f"{alias.name} → {', '.join(_line(target) for target in alias.targets)}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from patchbay.products.gateway import queries

    _, owner = scope_of(arguments)
    aliases = queries.list_aliases(owner)
    if arguments.json:
        print_json(aliases)
        return 0
    rows = [
        (alias.name if not number else "", _line(target), target.order, target.weight, "on" if alias.usable else "off")
        for alias in aliases
        for number, target in enumerate(alias.targets)
    ]
    if rows:
        print_table(("MODEL", "LEADS TO", "ORDER", "WEIGHT", "STATE"), rows)
    else:
        print("No model yet. Add one: patchbay model add ALIAS --target PROVIDER/MODEL")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    """Remove the model, or one of its targets and the model with the last of them."""
    from patchbay.lib.errors import NotFoundError
    from patchbay.products.gateway import queries, services
    from patchbay.products.gateway.services.aliases import to_wanted

    actor, owner = scope_of(arguments)
    alias = queries.get_alias(owner, arguments.alias)
    rest = list(alias.targets)
    if arguments.target:
        rest = [target for target in alias.targets if (target.provider, target.model) != _target(arguments.target)]
        if len(rest) == len(alias.targets):
            raise NotFoundError(
                f"{alias.name} does not lead to {arguments.target}.",
                next_step=f"It leads to: {', '.join(_line(target) for target in alias.targets)}.",
            )
    if arguments.target and rest:
        targets = [to_wanted(target) for target in rest]
        services.update_alias(actor=actor, organisation_id=owner, alias=alias.id, targets=targets)
        print(f"{alias.name} → {', '.join(_line(target) for target in rest)}")
        return 0
    services.delete_alias(actor=actor, organisation_id=owner, alias=alias.id)
    print(f"{alias.name} is removed.")
    return 0


def _target(text: str) -> tuple[str, str]:
    """Split PROVIDER/MODEL at the first slash: models have slashes in their names, providers have none."""
    from patchbay.lib.errors import InvalidError

    provider, slash, model = text.partition("/")
    if not (provider and slash and model):
        raise InvalidError(f"{text!r} is no target.", next_step="Write it as PROVIDER/MODEL, such as openai/gpt-4o.")
    return provider, model


def _line(target: "TargetView") -> str:
    return f"{target.provider}/{target.model}"


_ACTIONS = {"add": _add, "list": _list, "remove": _remove}
