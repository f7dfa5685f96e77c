"""The engine of this process: every door and every plug calls models through it."""

from functools import partial

from django.conf import settings

from patchbay.lib.shared import state
from patchbay.products.gateway.engine.archive import DatabaseArchive
from patchbay.products.gateway.engine.books import KernelMeter
from patchbay.products.gateway.engine.caching import RedisStore, ResponseCache
from patchbay.products.gateway.engine.calls import Engine
from patchbay.products.gateway.engine.metrics import BREAKERS, OPEN_CALLS, WAITING_CALLS
from patchbay.products.gateway.engine.routing.router import Router
from patchbay.products.gateway.engine.routing.shared_gates import SharedGate
from patchbay.products.gateway.engine.stored import StoredAnswers

ENGINE = Engine(
    meter=KernelMeter(),
    cache=ResponseCache(store=RedisStore("answer") if settings.REDIS_URL else None),
    router=Router(make_gate=partial(SharedGate, places=state.places())) if settings.REDIS_URL else None,
    stored=StoredAnswers(
        shared=RedisStore("stored") if settings.REDIS_URL else None,
        archive=DatabaseArchive(),
    ),
)

BREAKERS.watch(ENGINE.router.breaker_states)
WAITING_CALLS.watch(ENGINE.router.waiting_calls)
OPEN_CALLS.watch(lambda: ENGINE.open)
