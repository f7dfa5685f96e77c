"""`/v1/audit/events`: for keys that an owner made for the whole organisation."""

import pytest

from patchbay.kernel.audit.api import router
from patchbay.kernel.keys import services as keys
from patchbay.lib.actor import Actor
from tests import factories
from tests.kernel.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def rest() -> Rest:
    return Rest(router, "audit-test")


@pytest.fixture
def owner() -> Actor:
    return factories.owner(plan="pro")


def test_events_are_listed_filtered_and_paged(rest: Rest, owner: Actor) -> None:
    key = factories.key(owner, name="Reader")
    status, page = rest.call("GET", "/events?limit=1", key=key.secret)
    [event] = page["data"]
    assert (status, event["action"], event["kind"], event["summary"]) == (
        200,
        "key.created",
        "security",
        "Key Reader created",
    )
    assert event["target"] == {"type": "key", "id": key.key.id, "name": "Reader"}
    assert event["actor"]["role"] == "owner"
    _, rest_of_it = rest.call("GET", f"/events?cursor={page['next_cursor']}", key=key.secret)
    assert [event["action"] for event in rest_of_it["data"]] == ["organisation.created"]
    assert rest.call("GET", "/events?since=2999-01-01T00:00:00Z", key=key.secret)[1]["data"] == []
    assert rest.call("GET", "/events?cursor=a2V5", key=key.secret)[0] == 422
    assert rest.call("GET", "/events?kind=weather", key=key.secret)[0] == 422


def test_only_a_wide_key_of_an_owner_reads_the_log(rest: Rest, owner: Actor) -> None:
    editor = factories.member(owner.organisation_id, "editor").actor()
    refused = [
        factories.key(editor),
        factories.key(owner, permission="read_only"),
        factories.key(owner, plug_id="plug_1"),
        factories.key(keys.authenticate(factories.key(editor).secret).actor()),
    ]
    assert [rest.call("GET", "/events", key=made.secret)[0] for made in refused] == [403] * 4
    handed_on = factories.key(keys.authenticate(factories.key(owner).secret).actor())
    assert rest.call("GET", "/events", key=handed_on.secret)[0] == 200


def test_a_key_reads_its_own_organisations_log_alone(rest: Rest, owner: Actor) -> None:
    factories.key(owner, name="Ours")
    _, page = rest.call("GET", "/events", key=factories.key(name="Theirs").secret)
    assert "Ours" not in str(page)
    assert "Theirs" in str(page)
