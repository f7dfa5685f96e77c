"""The monthly budget on the usage page as a browser sees it."""

from http import HTTPStatus

import pytest
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from patchbay.kernel.usage.queries import find_organisation_budget
from tests import factories

pytestmark = pytest.mark.django_db


def browser(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, "allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def owner() -> Membership:
    return factories.membership()


def test_the_budget_is_set_shown_and_taken_away(owner: Membership) -> None:
    client = browser(owner)
    assert "may spend all that it has" in client.get("/usage").content.decode()
    page = client.post("/usage/budget", {"monthly_cap": "120.5"}, follow=True).content.decode()
    assert "The monthly budget is set." in page
    assert 'value="120.5"' in page
    assert "spent this month" in page
    found = find_organisation_budget(owner.organisation_id)
    assert found
    assert found.cap_micro == 120_500_000
    page = client.post("/usage/budget", {"monthly_cap": ""}, follow=True).content.decode()
    assert "There is no budget." in page
    assert find_organisation_budget(owner.organisation_id) is None


@pytest.mark.parametrize("cap", ["-1", "much", "0.0000001", "9" * 14])
def test_a_budget_that_cannot_be_is_refused_at_its_field(owner: Membership, cap: str) -> None:
    answer = browser(owner).post("/usage/budget", {"monthly_cap": cap})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f'value="{cap}"' in answer.content.decode()
    assert find_organisation_budget(owner.organisation_id) is None


def test_a_viewer_reads_the_budget_and_does_not_set_it(owner: Membership) -> None:
    viewer = browser(factories.member(owner.organisation_id, "viewer"))
    assert "Save budget" not in viewer.get("/usage").content.decode()
    assert viewer.post("/usage/budget", {"monthly_cap": "1"}).status_code == HTTPStatus.FORBIDDEN
    assert find_organisation_budget(owner.organisation_id) is None
