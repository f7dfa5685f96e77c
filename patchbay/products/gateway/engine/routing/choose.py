"""The order in which a call tries its targets."""

import random
from collections.abc import Callable, Sequence
from itertools import groupby

from patchbay.products.gateway.contracts import ModelAlias, ModelTarget
from patchbay.products.gateway.wire.contracts import Head


def fitting(alias: ModelAlias, head: Head, prompt_bound: int) -> Sequence[ModelTarget]:
    """Return the targets whose conditions the request meets."""
    targets = alias.targets
    if len(targets) == 1 and targets[0].max_prompt_tokens is None and targets[0].tools:
        return targets
    return [
        target
        for target in targets
        if (target.max_prompt_tokens is None or prompt_bound <= target.max_prompt_tokens)
        and (target.tools or not head.tools)
    ]


def in_order(
    targets: Sequence[ModelTarget], *, busy: Callable[[ModelTarget], int] | None, chance: random.Random
) -> Sequence[ModelTarget]:
    """Return targets by order; among equals by weighted chance, or the least busy for its weight first."""
    if len(targets) == 1:
        return targets
    ordered: list[ModelTarget] = []
    for _, group in groupby(sorted(targets, key=lambda target: target.order), key=lambda target: target.order):
        equals = list(group)
        if len(equals) == 1:
            ordered += equals
        elif busy is None:
            ordered += sorted(equals, key=lambda target: _draw(target, chance))
        else:
            ordered += sorted(equals, key=lambda target: (busy(target) / max(1, target.weight), chance.random()))
    return ordered


def _draw(target: ModelTarget, chance: random.Random) -> float:
    # Efraimidis and Spirakis: sorting by an exponential variate of rate `weight` is drawing without replacement.
    return chance.expovariate(target.weight) if target.weight > 0 else float("inf")
