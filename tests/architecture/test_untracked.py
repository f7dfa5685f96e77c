"""A struct that the garbage collector does not see (`gc=False`) must not be part of a cycle: what it closes never goes.

An error leads through its traceback to every local of every frame that it passed, and a future to who waits for it, so
neither may hang on such a struct, nor what may hold them: a connection's answer, a callback.
"""

import asyncio
import collections.abc
import concurrent.futures
import importlib
import pkgutil
import typing
from collections.abc import Iterator

import msgspec
import pytest

import patchbay

_HOLDS_ANYTHING = (BaseException, asyncio.Future, concurrent.futures.Future, asyncio.AbstractEventLoop)


def untracked() -> Iterator[type[msgspec.Struct]]:
    for module in pkgutil.walk_packages(patchbay.__path__, "patchbay."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting = [msgspec.Struct]
    while waiting:
        for each in waiting.pop().__subclasses__():
            waiting.append(each)
            if each.__module__.startswith("patchbay.") and not each.__struct_config__.gc:
                yield each


def named(hint: typing.Any) -> Iterator[typing.Any]:
    """Yield every type that a hint names."""
    yield typing.get_origin(hint) or hint
    for each in typing.get_args(hint):
        yield from named(each)


def may_close_a_cycle(kind: typing.Any) -> bool:
    if kind is collections.abc.Callable:
        return True
    return isinstance(kind, type) and (issubclass(kind, _HOLDS_ANYTHING) or getattr(kind, "_is_protocol", False))


@pytest.mark.parametrize("struct", list(untracked()), ids=lambda struct: f"{struct.__module__}.{struct.__qualname__}")
def test_what_the_collector_does_not_see_holds_plain_values(struct: type[msgspec.Struct]) -> None:
    hints = typing.get_type_hints(struct)
    assert not [name for name in struct.__struct_fields__ if any(map(may_close_a_cycle, named(hints[name])))]
