"""The engine of this process: every door and every plug calls models through it."""

from django.conf import settings

from patchbay.products.gateway.engine.books import KernelMeter
from patchbay.products.gateway.engine.caching import RedisStore, ResponseCache
from patchbay.products.gateway.engine.calls import Engine

ENGINE = Engine(meter=KernelMeter(), cache=ResponseCache(store=RedisStore() if settings.REDIS_URL else None))
