"""`patchbay price`: what models cost, in credits. A running server charges by it at once."""

import argparse

from patchbay.config.cli.operator import print_json, print_table, run_as_operator, scope_of

ALL = "default"
"""How the command names the prices of all models that have none of their own."""


def run(arguments: argparse.Namespace) -> int:
    return run_as_operator(arguments, _ACTIONS[arguments.action])


def _set(arguments: argparse.Namespace) -> int:
    from patchbay.kernel.plans.contracts import Rate
    from patchbay.lib.errors import InvalidError
    from patchbay.lib.money import from_credits
    from patchbay.products.gateway import services

    actor, _ = scope_of(arguments)
    try:
        amount = from_credits(arguments.credits)
    except ValueError as error:
        raise InvalidError(f"{error}.", next_step="Use a number of at most six decimal places, such as 1.25.") from None
    if amount < 0:
        raise InvalidError("A price cannot be negative.")
    services.set_prices(actor=actor, model=_model(arguments), rates={arguments.item: Rate(amount, arguments.per)})
    print(f"{arguments.item} of {arguments.model} cost {arguments.credits} credits for {arguments.per:,} from now on.")
    return 0


def _unset(arguments: argparse.Namespace) -> int:
    from patchbay.kernel.plans.contracts import ITEMS
    from patchbay.products.gateway import services

    actor, _ = scope_of(arguments)
    items = (arguments.item,) if arguments.item else ITEMS
    services.unset_prices(actor=actor, model=arguments.model, items=items)
    print(f"{arguments.model} costs what all models do.")
    return 0


def _from_vendor(arguments: argparse.Namespace) -> int:
    from patchbay.products.gateway import services

    actor, _ = scope_of(arguments)
    price = services.set_vendor_prices(
        actor=actor,
        model=arguments.model,
        vendor_model=arguments.vendor_model or arguments.model,
        vendor=arguments.vendor,
        margin_percent=arguments.margin,
    )
    print(f"{arguments.model} costs {arguments.margin} % of what {price.vendor} takes for {price.model}.")
    if price.has_steps:
        print("Note: it costs more there for large prompts, which this price does not follow.")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from msgspec.structs import asdict

    from patchbay.lib.money import to_text
    from patchbay.products.gateway import queries

    prices = queries.list_prices()
    if arguments.json:
        rates = [{item: asdict(rate) for item, rate in price.rates.items()} for price in prices]
        print_json([{"model": price.model, "rates": each} for price, each in zip(prices, rates, strict=True)])
        return 0
    rows = [
        (price.model or ALL, item, to_text(rate.amount_micro), f"{rate.per:,}")
        for price in prices
        for item, rate in price.rates.items()
    ]
    print_table(("MODEL", "ITEM", "CREDITS", "FOR"), rows)
    return 0


def _model(arguments: argparse.Namespace) -> str | None:
    model: str = arguments.model
    return None if model == ALL else model


_ACTIONS = {"set": _set, "unset": _unset, "vendor": _from_vendor, "list": _list}
