"""Who sets the gateway up in these tests."""

from dataclasses import replace

import pytest

from patchbay.lib.actor import Actor
from tests import factories


@pytest.fixture
def owner(db: None) -> Actor:
    """An owner of an organisation, and no more."""
    return factories.owner()


@pytest.fixture
def staff(db: None) -> Actor:
    """One of those who run this Patchbay."""
    return replace(factories.owner(), is_staff=True)
