"""The rules page: what an organisation allows itself, and where its budget is set."""

from http import HTTPStatus

import pytest
from django.test import Client

from patchbay.kernel.accounts.models import Membership
from patchbay.kernel.usage import services as usage
from patchbay.products.gateway import queries
from patchbay.products.gateway.queries.shapes import RulesView

pytestmark = pytest.mark.django_db
SENT = {"which": "all", "cut_policy": "read_on", "body_days": "7"}


def rules(owner: Membership) -> RulesView:
    return queries.get_rules(owner.organisation_id)


def test_an_owner_allows_some_models_and_keeps_bodies_for_a_while(client: Client, owner: Membership) -> None:
    sent = SENT | {
        "which": "some",
        "known": ["patchbay/offline"],
        "others": "plug/legal-v1\n\n gpt-5 ",
        "cut_policy": "cancel",
        "log_bodies": "on",
        "body_days": "30",
    }
    assert client.post("/gateway/rules", sent)["Location"] == "/gateway/rules"
    allowed = ("gpt-5", "patchbay/offline", "plug/legal-v1")
    assert rules(owner) == RulesView(owner.organisation_id, allowed, "cancel", True, 30)
    page = client.get("/gateway/rules").content.decode()
    assert "3 models allowed" in page
    assert "gpt-5\nplug/legal-v1" in page
    assert "kept for 30 days" in page
    client.post("/gateway/rules", sent | {"which": "all"})
    assert rules(owner).allowed_models is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"body_days": "91"}, "id_body_days"),
        ({"which": "some", "others": "naïve"}, "id_others"),
        ({"cut_policy": "nonsense"}, "id_cut_policy"),
    ],
)
def test_a_fault_stands_at_its_field(client: Client, owner: Membership, changes: dict[str, str], field: str) -> None:
    answer = client.post("/gateway/rules", SENT | changes)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f'id="{field}_error"' in answer.content.decode()
    assert rules(owner) == RulesView(owner.organisation_id)


def test_the_budget_is_shown_with_the_way_to_it(client: Client, owner: Membership) -> None:
    assert "No cap" in client.get("/gateway/rules").content.decode()
    usage.set_organisation_budget(actor=owner.actor(), cap_micro=900_000_000)
    page = client.get("/gateway/rules").content.decode()
    assert "900<small>.000</small>" in page
    assert "/usage#budget" in page


def test_editors_read_and_viewers_do_not(editor: Client, viewer: Client, owner: Membership) -> None:
    page = editor.get("/gateway/rules").content.decode()
    assert "Owners change the rules" in page
    assert "Save rules" not in page
    for client in (editor, viewer):
        assert client.post("/gateway/rules", SENT | {"cut_policy": "cancel"}).status_code == HTTPStatus.FORBIDDEN
    assert viewer.get("/gateway/rules").status_code == HTTPStatus.FORBIDDEN
    assert rules(owner).cut_policy == "read_on"
