"""The fake vendors, a Patchbay that has them as its providers, and the two ways to the same models."""

from collections.abc import Iterator

import pytest

from tests.clients.models.route import Route
from tests.clients.models.vendors.server import Vendors


@pytest.fixture(scope="session")
def vendors() -> Iterator[Vendors]:
    server = Vendors()
    yield server
    server.close()


@pytest.fixture(scope="session")
def straight(vendors: Vendors) -> Iterator[Route]:
    """The clients before the vendors themselves."""
    with Route.to_vendors(vendors) as route:
        yield route
