"""Who opens the gateway's pages in these tests."""

import pytest
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from tests import factories

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def owner(db: None) -> Membership:
    return factories.membership(company="Larkfield")


@pytest.fixture
def client(client: Client, owner: Membership) -> Client:
    """A browser in which the owner is signed in."""
    client.force_login(owner.user, backend=BACKEND)
    return client


@pytest.fixture
def editor(owner: Membership) -> Client:
    return signed_in(factories.member(owner.organisation_id, "editor"))


@pytest.fixture
def viewer(owner: Membership) -> Client:
    return signed_in(factories.member(owner.organisation_id, "viewer"))


@pytest.fixture
def stranger(db: None) -> Client:
    return signed_in(factories.membership())


@pytest.fixture
def staff(owner: Membership) -> Client:
    """A browser of one of those who run this Patchbay, an owner of the same organisation."""
    member = factories.member(owner.organisation_id, "owner")
    member.user.is_staff = True
    member.user.save()
    return signed_in(member)


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user, backend=BACKEND)
    return client
