"""Which targets take a request, and in which order they are tried."""

import random
from collections import Counter

from patchbay.products.gateway.contracts import ModelAlias, ModelTarget, ProviderConfig
from patchbay.products.gateway.engine.routing.choose import fitting, in_order
from patchbay.products.gateway.wire.contracts import Head

PROVIDER = ProviderConfig("prov_1", "one", "fake", "")


def target(name: str, **fields: object) -> ModelTarget:
    return ModelTarget(name, PROVIDER, name, **fields)  # type: ignore[arg-type]


def names(targets: object) -> list[str]:
    return [each.id for each in targets]  # type: ignore[attr-defined]


def test_a_long_prompt_goes_where_there_is_room() -> None:
    alias = ModelAlias("a", (target("small", max_prompt_tokens=100), target("large")))
    assert names(fitting(alias, Head("a"), 100)) == ["small", "large"]
    assert names(fitting(alias, Head("a"), 101)) == ["large"]


def test_tools_go_where_they_are_known() -> None:
    alias = ModelAlias("a", (target("plain", tools=False), target("tools")))
    assert names(fitting(alias, Head("a", tools=True), 1)) == ["tools"]
    assert names(fitting(alias, Head("a"), 1)) == ["plain", "tools"]


def test_a_single_target_has_its_conditions_too() -> None:
    alias = ModelAlias("a", (target("plain", tools=False),))
    assert not fitting(alias, Head("a", tools=True), 1)


def test_a_lower_order_is_tried_first_whatever_the_weights() -> None:
    targets = (target("second", order=1, weight=100), target("first", order=0))
    for seed in range(20):
        assert names(in_order(targets, busy=None, chance=random.Random(seed))) == ["first", "second"]


def test_among_equals_the_first_is_drawn_by_weight() -> None:
    targets = (target("heavy", weight=3), target("light", weight=1))
    chance = random.Random(1)
    first = Counter(names(in_order(targets, busy=None, chance=chance))[0] for _ in range(4000))
    assert 0.70 < first["heavy"] / 4000 < 0.80


def test_a_weight_of_zero_is_a_last_resort() -> None:
    targets = (target("never", weight=0), target("always"))
    for seed in range(20):
        assert names(in_order(targets, busy=None, chance=random.Random(seed))) == ["always", "never"]


def test_the_least_busy_for_its_weight_goes_first() -> None:
    targets = (target("one", weight=1), target("two", weight=4))
    busy = {"one": 1, "two": 3}
    order = in_order(targets, busy=lambda each: busy[each.id], chance=random.Random(1))
    assert names(order) == ["two", "one"]
