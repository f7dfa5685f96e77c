"""Roles, leaving, and the owner who must stay."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from patchbay.kernel.accounts import queries, services
from patchbay.kernel.accounts.errors import LastOwnerError
from patchbay.kernel.accounts.models import Membership, Organisation, User
from patchbay.kernel.audit import queries as audit
from patchbay.lib.actor import Actor
from patchbay.lib.errors import AppError, ForbiddenError, InvalidError, NotFoundError
from patchbay.lib.ids import new_id
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Membership:
    return factories.membership(company="Larkfield")


def role_of(membership: Membership) -> str:
    return Membership.objects.get(pk=membership.pk).role


def test_an_owner_changes_a_role_and_the_log_tells(owner: Membership) -> None:
    editor = factories.member(owner.organisation_id, "editor")
    services.change_role(actor=owner.actor(), membership_id=editor.pk, role="viewer")
    assert role_of(editor) == "viewer"
    event = audit.list_events(owner.organisation_id).data[0]
    assert (event.action, event.target_id) == ("member.role_changed", editor.user_id)
    assert event.changes == {"role": ["editor", "viewer"]}


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_only_owners_manage_members_and_the_organisation(owner: Membership, role: str) -> None:
    member = factories.member(owner.organisation_id, role).actor()  # type: ignore[arg-type]
    calls: list[Callable[[], object]] = [
        lambda: services.change_role(actor=member, membership_id=owner.pk, role="viewer"),
        lambda: services.remove_member(actor=member, membership_id=owner.pk),
        lambda: services.rename_organisation(actor=member, name="Mine"),
    ]
    for call in calls:
        with pytest.raises(ForbiddenError):
            call()


def test_a_key_manages_no_members(owner: Membership) -> None:
    key = Actor(kind="key", organisation_id=owner.organisation_id, role="owner", name="Key", key_id=new_id("key"))
    with pytest.raises(ForbiddenError, match="API key"):
        services.remove_member(actor=key, membership_id=owner.pk)


def test_strangers_find_nothing(owner: Membership) -> None:
    stranger = factories.membership()
    with pytest.raises(NotFoundError):
        queries.get_actor(stranger.user, owner.organisation_id)
    with pytest.raises(NotFoundError):
        services.change_role(actor=stranger.actor(), membership_id=owner.pk, role="viewer")
    with pytest.raises(NotFoundError):
        services.remove_member(actor=stranger.actor(), membership_id=owner.pk)
    assert list(queries.list_memberships(stranger.user)) == [stranger]


def test_an_unknown_role_is_refused(owner: Membership) -> None:
    with pytest.raises(InvalidError):
        services.change_role(actor=owner.actor(), membership_id=owner.pk, role="emperor")  # type: ignore[arg-type]


def test_the_last_owner_can_neither_leave_nor_step_down(owner: Membership) -> None:
    factories.member(owner.organisation_id, "editor")
    with pytest.raises(LastOwnerError):
        services.remove_member(actor=owner.actor(), membership_id=owner.pk)
    with pytest.raises(LastOwnerError):
        services.change_role(actor=owner.actor(), membership_id=owner.pk, role="editor")
    second = factories.member(owner.organisation_id, "owner")
    services.remove_member(actor=owner.actor(), membership_id=owner.pk)
    owners = queries.list_members(owner.organisation_id).filter(role="owner")
    assert [member.pk for member in owners] == [second.pk]


def test_everyone_may_leave(owner: Membership) -> None:
    viewer = factories.member(owner.organisation_id, "viewer")
    services.remove_member(actor=viewer.actor(), membership_id=viewer.pk)
    assert queries.find_membership(viewer.user, owner.organisation_id) is None
    assert audit.list_events(owner.organisation_id).data[0].action == "member.left"


def test_a_demoted_owner_acts_no_longer_as_one_though_the_request_began_before(owner: Membership) -> None:
    second = factories.member(owner.organisation_id, "owner")
    third = factories.member(owner.organisation_id, "owner")
    stale = second.actor()
    services.change_role(actor=owner.actor(), membership_id=second.pk, role="viewer")
    with pytest.raises(ForbiddenError, match="no longer"):
        services.change_role(actor=stale, membership_id=third.pk, role="viewer")


def test_a_closed_account_is_no_member(owner: Membership) -> None:
    User.objects.filter(pk=owner.user_id).update(is_active=False)
    assert queries.find_membership(owner.user, owner.organisation_id) is None


def test_an_organisation_gets_another_name_and_address(owner: Membership) -> None:
    services.rename_organisation(actor=owner.actor(), name=" Lark  Field ", slug="lark")
    organisation = queries.get_organisation(owner.organisation_id)
    assert (organisation.name, organisation.slug) == ("Lark Field", "lark")
    event = audit.list_events(owner.organisation_id).data[0]
    assert event.changes == {"name": ["Larkfield", "Lark Field"], "slug": ["larkfield", "lark"]}


@pytest.mark.parametrize("slug", ["", "patchbay", "taken", "Not A Slug", "x" * 61])
def test_an_address_that_is_taken_or_misspelt_is_refused(owner: Membership, slug: str) -> None:
    Organisation.objects.create(name="Other", slug="taken")
    with pytest.raises(InvalidError) as caught:
        services.rename_organisation(actor=owner.actor(), name="Larkfield", slug=slug)
    assert caught.value.fields[0].field == "slug"


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_at_once_leave_one_owner() -> None:
    first = factories.membership()
    second = factories.member(first.organisation_id, "owner")
    refusals: list[str] = []
    together = threading.Barrier(2)

    def demote(actor: Membership, other: Membership) -> None:
        together.wait(30)
        try:
            services.change_role(actor=actor.actor(), membership_id=other.pk, role="viewer")
        except AppError as error:
            refusals.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted([role_of(first), role_of(second)]) == ["owner", "viewer"]
    assert refusals == ["forbidden"]
