"""The engine of this process: every door and every plug calls models through it."""

from patchbay.products.gateway.engine.books import KernelMeter
from patchbay.products.gateway.engine.calls import Engine

ENGINE = Engine(meter=KernelMeter())
