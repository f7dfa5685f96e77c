"""/v1/sessions: an organisation's own conversations, read and deleted."""

from typing import Any

import pytest
from ninja.testing import TestClient

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.keys.contracts import Grant
from patchbay.lib.actor import Actor
from patchbay.lib.errors import AppError, ForbiddenError, NotFoundError
from patchbay.products.plugs.api.sessions import router
from patchbay.products.plugs.models import ChatMessage, ChatSession, Plug
from patchbay.products.plugs.services import sessions
from tests import factories
from tests.products.plugs.api.conftest import make_plug

pytestmark = pytest.mark.django_db


class Door:
    """The router as the key of one organisation reaches it."""

    def __init__(self, actor: Actor, *, plug_id: str | None = None, permission: Any = "full") -> None:
        self.grant = Grant("key_1", actor.organisation_id, plug_id, permission, "live", "Key", None, 60, "free")
        self.client = TestClient(router)

    def __call__(self, method: str, path: str) -> Any:
        return self.client.request(method, path, auth=self.grant, actor=self.grant.actor())


@pytest.fixture
def actor() -> Actor:
    return factories.owner()


@pytest.fixture
def plug(actor: Actor) -> Plug:
    return make_plug(actor.organisation_id, "terms")


def make_session(plug: Plug, title: str = "How long?") -> ChatSession:
    session = ChatSession.objects.create(organisation_id=plug.organisation_id, plug=plug, title=title)
    ChatMessage.objects.create(session=session, role="user", content=title)
    ChatMessage.objects.create(session=session, role="assistant", content="30 days.", answer={"outcome": "answered"})
    return session


def test_sessions_are_listed_newest_first_in_pages(actor: Actor, plug: Plug) -> None:
    made = sorted((make_session(plug, f"Question {number}").id for number in range(3)), reverse=True)
    first = Door(actor)("GET", "?limit=2").json()
    assert [session["id"] for session in first["data"]] == made[:2]
    assert set(first["data"][0]) == {"id", "plug", "title", "created_at", "updated_at"}
    second = Door(actor)("GET", f"?limit=2&cursor={first['next_cursor']}").json()
    assert [session["id"] for session in second["data"]] == made[2:]
    assert second["next_cursor"] is None


def test_the_api_lists_everybodys_sessions(actor: Actor, plug: Plug) -> None:
    mine = make_session(plug)
    ChatSession.objects.filter(pk=mine.pk).update(user_id=actor.user_id)
    programs = make_session(plug)
    listed = Door(actor)("GET", "").json()["data"]
    assert [session["id"] for session in listed] == [programs.id, mine.id]


def test_a_session_is_read_with_its_turns(actor: Actor, plug: Plug) -> None:
    session = make_session(plug)
    found = Door(actor)("GET", f"/{session.id}").json()
    assert (found["plug"], found["title"]) == ("terms", "How long?")
    assert [(turn["role"], turn["content"], turn["answer"]) for turn in found["messages"]] == [
        ("user", "How long?", None),
        ("assistant", "30 days.", {"outcome": "answered"}),
    ]


def test_a_deleted_session_is_gone_with_its_turns_and_the_audit_log_says_so(actor: Actor, plug: Plug) -> None:
    session = make_session(plug)
    door = Door(actor)
    assert door("DELETE", f"/{session.id}").status_code == 204
    assert not ChatMessage.objects.exists()
    with pytest.raises(NotFoundError):
        door("GET", f"/{session.id}")
    events = audit.list_events(actor.organisation_id, action="session.deleted")
    assert [event.target_id for event in events.data] == [session.id]


@pytest.mark.parametrize(("method", "path"), [("GET", "/{id}"), ("DELETE", "/{id}")])
def test_a_stranger_finds_nothing(plug: Plug, method: str, path: str) -> None:
    session = make_session(plug)
    stranger = Door(factories.owner())
    with pytest.raises(NotFoundError):
        stranger(method, path.format(id=session.id))
    assert stranger("GET", "").json()["data"] == []
    assert ChatSession.objects.filter(id=session.id).exists()


def test_a_key_scoped_to_one_plug_sees_that_plugs_sessions_alone(actor: Actor, plug: Plug) -> None:
    own, other = make_session(plug), make_session(make_plug(actor.organisation_id, "other"))
    scoped = Door(actor, plug_id=plug.id)
    assert [session["id"] for session in scoped("GET", "").json()["data"]] == [own.id]
    for method in ("GET", "DELETE"):
        with pytest.raises(NotFoundError):
            scoped(method, f"/{other.id}")


def test_a_read_only_key_reads_and_deletes_nothing(actor: Actor, plug: Plug) -> None:
    session = make_session(plug)
    reader = Door(actor, permission="read_only")
    assert reader("GET", f"/{session.id}").status_code == 200
    with pytest.raises(ForbiddenError) as caught:
        reader("DELETE", f"/{session.id}")
    assert isinstance(caught.value, AppError)
    assert ChatSession.objects.filter(id=session.id).exists()


def test_a_viewer_deletes_a_conversation_of_their_own_and_no_other(actor: Actor, plug: Plug) -> None:
    viewer = factories.member(actor.organisation_id, "viewer").actor()
    own, other = make_session(plug), make_session(plug)
    ChatSession.objects.filter(id=own.id).update(user_id=viewer.user_id)
    with pytest.raises(ForbiddenError):
        sessions.delete_session(actor=viewer, session_id=other.id)
    sessions.delete_session(actor=viewer, session_id=own.id)
    assert list(ChatSession.objects.values_list("id", flat=True)) == [other.id]
