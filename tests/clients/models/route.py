"""A way to the models: straight to the vendors, or through a Patchbay."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from anthropic import Anthropic
from openai import OpenAI

from tests.clients.models.vendors import Vendors
from tests.fakes.vendors.checks import ANTHROPIC_KEY, OPENAI_KEY

SECONDS = 30.0


@dataclass
class Route:
    """Base URLs as the official clients take them: OpenAI's ends in /v1, Anthropic's does not."""

    openai_url: str
    openai_key: str
    anthropic_url: str
    anthropic_key: str
    openai: OpenAI
    anthropic: Anthropic

    @classmethod
    @contextmanager
    def open(cls, openai_url: str, openai_key: str, anthropic_url: str, anthropic_key: str) -> Iterator["Route"]:
        """Make one client of each kind; neither tries again, so that a fault shows."""
        options: Any = {"max_retries": 0, "timeout": SECONDS}
        with ExitStack() as stack:
            openai = stack.enter_context(OpenAI(base_url=openai_url, api_key=openai_key, **options))
            anthropic = stack.enter_context(Anthropic(base_url=anthropic_url, api_key=anthropic_key, **options))
            yield cls(openai_url, openai_key, anthropic_url, anthropic_key, openai, anthropic)

    @classmethod
    @contextmanager
    def to_vendors(cls, vendors: Vendors) -> Iterator["Route"]:
        with cls.open(f"{vendors.origin}/openai/v1", OPENAI_KEY, f"{vendors.origin}/anthropic", ANTHROPIC_KEY) as route:
            yield route

    @classmethod
    @contextmanager
    def to_patchbay(cls, origin: str, key: str) -> Iterator["Route"]:
        with cls.open(f"{origin}/v1", key, origin, key) as route:
            yield route
