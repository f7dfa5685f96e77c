"""Making, showing and revoking keys."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from patchbay.kernel.accounts import services as accounts
from patchbay.kernel.accounts.models import Membership
from patchbay.kernel.audit import queries as audit
from patchbay.kernel.keys import queries, scopes, services, token
from patchbay.kernel.keys.contracts import PlugScope
from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.plans.errors import PlanLimitError
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Actor:
    return factories.owner(plan="pro")


def as_key(secret: str) -> Actor:
    return services.authenticate(secret).actor()


@pytest.mark.parametrize("environment", ["live", "test"])
def test_a_key_has_the_seeds_form_and_only_its_hash_is_kept(owner: Actor, environment: str) -> None:
    made = services.create_key(actor=owner, name=" Production  VS Code ", environment=environment)  # type: ignore[arg-type]
    assert token.is_token(made.secret)
    assert made.secret.startswith(f"sme_{environment}_")
    assert made.key.name == "Production VS Code"
    assert made.key.prefix == made.secret[:16]
    row = ApiKey.objects.get(pk=made.key.id)
    assert made.secret not in {str(value) for value in vars(row).values()}
    assert made.secret not in repr(made)


def test_a_key_grants_what_it_was_made_with() -> None:
    owner = factories.owner(plan="starter")
    made = services.create_key(actor=owner, name="Reader", plug_id="plug_1", permission="read_only")
    grant = services.authenticate(made.secret)
    assert (grant.key_id, grant.organisation_id, grant.plug_id) == (made.key.id, owner.organisation_id, "plug_1")
    assert (grant.requests_per_minute, grant.plan_code, grant.is_test) == (300, "starter", False)
    actor = grant.actor("203.0.113.24")
    assert (actor.kind, actor.role, actor.key_id, actor.address) == ("key", "viewer", made.key.id, "203.0.113.24")


def test_keys_are_listed_newest_first_and_never_to_strangers(owner: Actor) -> None:
    first, second = factories.key(owner, name="First"), factories.key(owner, name="Second")
    assert [key.name for key in queries.list_keys(owner.organisation_id)] == ["Second", "First"]
    stranger = factories.owner()
    assert queries.list_keys(stranger.organisation_id) == []
    with pytest.raises(NotFoundError):
        queries.get_key(stranger.organisation_id, first.key.id)
    with pytest.raises(NotFoundError):
        services.revoke_key(actor=stranger, key_id=second.key.id)
    assert services.authenticate(second.secret)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"name": "   "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "bell\a"}, "name"),
        ({"permission": "admin"}, "permission"),
        ({"environment": "staging"}, "environment"),
        ({"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, "expires_at"),
        ({"expires_at": datetime(2999, 1, 1)}, "expires_at"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(owner: Actor, terms: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        services.create_key(**{"actor": owner, "name": "Key", **terms})  # type: ignore[arg-type]
    assert [fault.field for fault in caught.value.fields] == [field]


def test_the_plan_limits_usable_keys_so_that_revoking_or_expiry_makes_room() -> None:
    owner = factories.owner()
    first, second = factories.key(owner), factories.key(owner)
    with pytest.raises(PlanLimitError, match="2 API keys"):
        factories.key(owner)
    services.revoke_key(actor=owner, key_id=first.key.id)
    factories.key(owner)
    ApiKey.objects.filter(pk=second.key.id).update(expires_at=datetime.now(UTC))
    factories.key(owner)


def test_a_viewer_makes_and_revokes_no_keys(owner: Actor) -> None:
    made = factories.key(owner)
    viewer = factories.member(owner.organisation_id, "viewer").actor()
    with pytest.raises(ForbiddenError):
        factories.key(viewer)
    with pytest.raises(ForbiddenError):
        services.revoke_key(actor=viewer, key_id=made.key.id)
    assert factories.key(factories.member(owner.organisation_id, "editor").actor())


def test_a_key_hands_on_no_more_than_it_has(owner: Actor) -> None:
    full = as_key(factories.key(owner).secret)
    assert factories.key(full, environment="test").key.environment == "test"
    test = as_key(factories.key(owner, environment="test").secret)
    assert factories.key(test, environment="test")
    with pytest.raises(ForbiddenError, match="test keys only"):
        factories.key(test, environment="live")
    with pytest.raises(ForbiddenError, match="test keys only"):
        services.revoke_key(actor=test, key_id=full.key_id or "")
    with pytest.raises(ForbiddenError, match="whole organisation"):
        factories.key(as_key(factories.key(owner, plug_id="plug_1").secret))
    with pytest.raises(ForbiddenError):
        factories.key(as_key(factories.key(owner, permission="read_only").secret))


def test_an_owners_reach_follows_the_owner_through_the_keys_that_their_keys_made() -> None:
    first = factories.membership(plan="pro")
    second = factories.member(first.organisation_id, "owner")
    made = factories.key(as_key(factories.key(second.actor()).secret))
    assert services.authenticate(made.secret).may_read_audit
    accounts.change_role(actor=first.actor(), membership_id=second.pk, role="editor")
    grant = services.authenticate(made.secret)
    assert (grant.may_read_audit, grant.actor().role) == (False, "editor"), "the rest stays the organisation's"
    event = audit.list_events(first.organisation_id, limit=1).data[0]
    assert (event.action, event.target_id) == ("member.role_changed", second.user_id)


def test_who_owns_another_organisation_reaches_nothing_by_that(owner: Actor) -> None:
    stranger = factories.membership()
    guest = Membership.objects.create(organisation_id=owner.organisation_id, user=stranger.user, role="owner")
    made = factories.key(guest.actor())
    assert services.authenticate(made.secret).may_read_audit
    accounts.remove_member(actor=owner, membership_id=guest.pk)
    assert not services.authenticate(made.secret).may_read_audit, "an owner still, but not here"


def test_whose_a_key_is_that_was_made_before_that_was_kept_is_read_from_the_audit_log(
    transactional_db: None, owner: Actor
) -> None:
    made, unknown = factories.key(owner), factories.key(owner)
    ApiKey.objects.filter(pk=unknown.key.id).update(id="key_unknown")
    migrate = MigrationExecutor(connection).migrate
    migrate([("keys", "0001_initial")])
    try:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE keys_apikey SET made_by_owner = %s", [True])
    finally:
        MigrationExecutor(connection).migrate([("keys", "0002_owner")])
    owners = dict(ApiKey.objects.values_list("id", "owner_id"))
    assert owners == {made.key.id: owner.user_id, "key_unknown": None}


def test_what_an_expiring_key_makes_does_not_outlive_it(owner: Actor) -> None:
    end = datetime.now(UTC) + timedelta(days=1)
    actor = as_key(services.create_key(actor=owner, name="Day", expires_at=end).secret)
    for later in (None, end + timedelta(seconds=1)):
        with pytest.raises(ForbiddenError, match="outlives"):
            services.create_key(actor=actor, name="Longer", expires_at=later)
    assert services.create_key(actor=actor, name="Shorter", expires_at=end)


def test_a_revoked_key_is_refused_and_stays_in_the_list(owner: Actor) -> None:
    made = factories.key(owner)
    assert services.revoke_key(actor=owner, key_id=made.key.id).state == "revoked"
    assert services.revoke_key(actor=owner, key_id=made.key.id).state == "revoked"
    with pytest.raises(UnauthenticatedError, match="revoked"):
        services.authenticate(made.secret)
    assert [key.state for key in queries.list_keys(owner.organisation_id)] == ["revoked"]


def test_making_and_revoking_are_in_the_audit_log_without_the_secret(owner: Actor) -> None:
    made = factories.key(owner, name="Production")
    services.revoke_key(actor=owner, key_id=made.key.id)
    services.revoke_key(actor=owner, key_id=made.key.id)
    events = [e for e in audit.list_events(owner.organisation_id).data if e.action.startswith("key.")]
    assert [event.action for event in events] == ["key.revoked", "key.created"]
    assert events[0].target_id == made.key.id
    assert made.secret not in str(events)


class Shelf:
    """The plugs of one organisation."""

    def __init__(self, organisation_id: str) -> None:
        self.organisation_id = organisation_id
        self.plug = PlugScope("plug_7", "legal-v1", "Legal Expert", "legal")

    def get(self, organisation_id: str, id_or_slug: str) -> PlugScope:
        if organisation_id != self.organisation_id or id_or_slug not in (self.plug.id, self.plug.slug):
            raise NotFoundError("There is no such plug.")
        return self.plug

    def list(self, organisation_id: str) -> list[PlugScope]:
        return [self.plug] if organisation_id == self.organisation_id else []


def test_a_key_is_scoped_to_a_plug_that_the_organisation_can_see(owner: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes, "_registered", None)  # put back at the end
    services.register_plug_scopes(Shelf(owner.organisation_id))
    assert factories.key(owner, plug_id="legal-v1").key.plug_id == "plug_7"
    with pytest.raises(NotFoundError):
        factories.key(factories.owner(), plug_id="legal-v1")
