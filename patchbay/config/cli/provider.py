"""`patchbay provider`: the servers that models come from. A running server knows at once."""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from patchbay.config.cli.operator import print_json, print_table, read_secret, run_as_operator, scope_of

if TYPE_CHECKING:
    from patchbay.products.gateway.queries.shapes import ProviderView


def run(arguments: argparse.Namespace) -> int:
    return run_as_operator(arguments, _ACTIONS[arguments.action])


def _add(arguments: argparse.Namespace) -> int:
    """Add it, or change the one of this name to what is said: a script may run twice."""
    from patchbay.lib.errors import ConflictError, NotFoundError
    from patchbay.products.gateway import checks, queries, services

    actor, owner = scope_of(arguments)
    secret = read_secret() if arguments.api_key_stdin else None
    terms = _terms(arguments)
    try:
        known = queries.get_provider(owner, arguments.name)
    except NotFoundError:
        base_url = arguments.base_url or checks.KINDS[arguments.kind]
        services.create_provider(
            actor=actor,
            organisation_id=owner,
            name=arguments.name,
            kind=arguments.kind,
            base_url=base_url,
            api_key=secret,
            private_allowed=arguments.allow_private or checks.is_loopback(base_url),
            **terms,
        )
        print(f"{arguments.name} is added. Next: patchbay model add ALIAS --target {arguments.name}/MODEL")
        return 0
    if known.kind != arguments.kind:
        raise ConflictError(f"{known.name} is of kind {known.kind}.", next_step="Remove it first, or use another name.")
    if arguments.base_url:
        allowed = arguments.allow_private or checks.is_loopback(arguments.base_url)
        terms |= {"base_url": arguments.base_url, "private_allowed": allowed}
    elif arguments.allow_private:
        terms["private_allowed"] = True
    services.update_provider(actor=actor, organisation_id=owner, provider=known.id, api_key=secret, **terms)
    print(f"{known.name} is up to date.")
    return 0


def _terms(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the limits that were said."""
    said = {
        "max_concurrent": arguments.max_concurrent,
        "requests_per_minute": arguments.rpm,
        "queue_length": arguments.queue_length,
        "queue_seconds": arguments.queue_seconds,
    }
    return {name: value for name, value in said.items() if value is not None}


def _list(arguments: argparse.Namespace) -> int:
    from patchbay.products.gateway import queries

    _, owner = scope_of(arguments)
    providers = queries.list_providers(owner)
    if arguments.json:
        print_json(providers)
    elif providers:
        print_table(("NAME", "KIND", "BASE URL", "KEYS", "STATE"), [_row(provider) for provider in providers])
    else:
        print("No provider yet. Add one: patchbay provider add openai --kind openai --api-key-stdin")
    return 0


def _row(provider: "ProviderView") -> tuple[str, ...]:
    keys = ", ".join(f"…{key.hint}" for key in provider.keys if key.enabled) or "-"
    state = "settings" if provider.from_settings else "on" if provider.enabled else "off"
    return provider.name, provider.kind, provider.base_url or "-", keys, state


def _remove(arguments: argparse.Namespace) -> int:
    from patchbay.products.gateway import services

    actor, owner = scope_of(arguments)
    services.delete_provider(actor=actor, organisation_id=owner, provider=arguments.name)
    print(f"{arguments.name} is removed.")
    return 0


def _switch(arguments: argparse.Namespace) -> int:
    from patchbay.products.gateway import services

    actor, owner = scope_of(arguments)
    enabled = arguments.action == "on"
    services.update_provider(actor=actor, organisation_id=owner, provider=arguments.name, enabled=enabled)
    print(f"{arguments.name} is {arguments.action}.")
    return 0


def _test(arguments: argparse.Namespace) -> int:
    """Status 0 when the provider answers as it should, 1 when not."""
    from patchbay.products.gateway import services

    actor, owner = scope_of(arguments)
    result = services.test_connection(actor=actor, organisation_id=owner, provider=arguments.name)
    if arguments.json:
        print(json.dumps(asdict(result)))
    else:
        print(f"{arguments.name}: {result.message}")
        for name in result.models:
            print(f"  {name}")
    return 0 if result.ok else 1


def _key(arguments: argparse.Namespace) -> int:
    from patchbay.products.gateway import services

    actor, owner = scope_of(arguments)
    if arguments.key_action == "remove":
        services.remove_provider_key(
            actor=actor, organisation_id=owner, provider=arguments.name, key_id=arguments.key.lstrip("…")
        )
        print("The key is removed.")
        return 0
    key = services.add_provider_key(
        actor=actor, organisation_id=owner, provider=arguments.name, api_key=read_secret(), weight=arguments.weight
    )
    print(f"The key …{key.hint} is added to {arguments.name}.")
    return 0


_ACTIONS = {"add": _add, "list": _list, "remove": _remove, "test": _test, "on": _switch, "off": _switch, "key": _key}
