"""Rotating a key: two secrets for a while, one key throughout."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from patchbay.kernel.audit import queries as audit
from patchbay.kernel.keys import queries, services, token
from patchbay.kernel.keys.contracts import CreatedKey
from patchbay.kernel.keys.models import ApiKey
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> Actor:
    return factories.owner(plan="pro")


@pytest.fixture
def made(owner: Actor) -> CreatedKey:
    return services.create_key(actor=owner, name="Bot", plug_id="plug_1", requests_per_minute=9, monthly_cap_micro=7)


def rotate(owner: Actor, made: CreatedKey, **terms: Any) -> CreatedKey:
    return services.rotate_key(actor=owner, key_id=made.key.id, **terms)


def refused(secret: str, why: str) -> bool:
    with pytest.raises(UnauthenticatedError, match=why):
        services.authenticate(secret)
    return services.find_cached(secret) is None


def test_both_secrets_open_the_same_key_until_the_overlap_ends(owner: Actor, made: CreatedKey) -> None:
    services.authenticate(made.secret)
    rotated = rotate(owner, made)
    assert token.is_token(rotated.secret)
    assert rotated.secret != made.secret
    old, new = services.authenticate(made.secret), services.authenticate(rotated.secret)
    assert old.expires_at is not None
    assert new.expires_at is None
    assert old.expires_at - datetime.now(UTC).timestamp() == pytest.approx(services.DEFAULT_OVERLAP, abs=60)
    for name in ("key_id", "organisation_id", "plug_id", "budgets", "key_requests_per_minute", "permission", "name"):
        assert getattr(old, name) == getattr(new, name)
    assert rotated.key.is_rotating
    assert rotated.key.prefix == rotated.secret[:16]
    ApiKey.objects.update(previous_until=datetime.now(UTC) - timedelta(seconds=1))
    services.forget_grants(owner.organisation_id)
    assert refused(made.secret, "replaced by a newer one")
    assert services.authenticate(rotated.secret) == new
    assert not queries.get_key(owner.organisation_id, made.key.id).is_rotating


def test_a_remembered_secret_ends_with_its_overlap_all_the_same(
    owner: Actor, made: CreatedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(owner, made, overlap_seconds=100)
    ends = services.authenticate(made.secret).expires_at
    assert ends is not None
    assert services.find_cached(made.secret)
    monkeypatch.setattr("patchbay.kernel.keys.contracts.time.time", lambda: ends)
    assert services.find_cached(made.secret) is None


def test_without_overlap_the_secret_before_ends_at_once(owner: Actor, made: CreatedKey) -> None:
    services.authenticate(made.secret)
    rotated = rotate(owner, made, overlap_seconds=0)
    assert refused(made.secret, "not known")
    assert services.authenticate(rotated.secret).key_id == made.key.id
    assert not rotated.key.is_rotating


def test_a_second_rotation_leaves_the_last_two_secrets(owner: Actor, made: CreatedKey) -> None:
    second = rotate(owner, made)
    third = rotate(owner, made)
    assert refused(made.secret, "not known")
    assert services.authenticate(second.secret).key_id == services.authenticate(third.secret).key_id


def test_revoking_ends_both_secrets(owner: Actor, made: CreatedKey) -> None:
    rotated = rotate(owner, made)
    for secret in (made.secret, rotated.secret):
        services.authenticate(secret)
    services.revoke_key(actor=owner, key_id=made.key.id)
    assert all(refused(secret, "revoked") for secret in (made.secret, rotated.secret))


def test_a_keys_own_end_holds_for_both_secrets(owner: Actor) -> None:
    end = datetime.now(UTC) + timedelta(minutes=5)
    made = services.create_key(actor=owner, name="Ending", expires_at=end)
    rotated = rotate(owner, made)
    for secret in (made.secret, rotated.secret):
        assert services.authenticate(secret).expires_at == pytest.approx(end.timestamp())


def test_rotating_takes_no_room_in_the_plan() -> None:
    owner = factories.owner(plan="free")
    first, second = factories.key(owner), factories.key(owner)
    rotate(owner, first)
    rotate(owner, second)
    assert len(queries.list_keys(owner.organisation_id)) == 2


@pytest.mark.parametrize("overlap", [-1, 7 * 86_400 + 1])
def test_an_overlap_that_cannot_be_is_refused(owner: Actor, made: CreatedKey, overlap: int) -> None:
    with pytest.raises(InvalidError) as caught:
        rotate(owner, made, overlap_seconds=overlap)
    assert [fault.field for fault in caught.value.fields] == ["overlap_seconds"]
    assert services.authenticate(made.secret).expires_at is None


def test_a_rotation_is_in_the_audit_log_without_a_secret(owner: Actor, made: CreatedKey) -> None:
    rotated = rotate(owner, made)
    event = audit.list_events(owner.organisation_id, limit=1).data[0]
    assert (event.action, event.target_id) == ("key.rotated", made.key.id)
    assert event.changes["prefix"] == [made.key.prefix, rotated.key.prefix]
    assert rotated.secret not in str(event)


def test_an_editor_who_rotates_an_owners_key_gets_no_owners_key(owner: Actor) -> None:
    made = factories.key(owner)
    assert services.authenticate(made.secret).may_read_audit
    editor = factories.member(owner.organisation_id, "editor").actor()
    assert not services.authenticate(rotate(editor, made).secret).may_read_audit
    assert not services.authenticate(made.secret).may_read_audit


def test_who_rotates_an_owners_key_knows_its_secret_so_it_keeps_its_reach_by_its_owner_alone(owner: Actor) -> None:
    made = factories.key(owner)
    rotated = rotate(owner, made)
    assert services.authenticate(rotated.secret).may_read_audit
    by_itself = rotate(services.authenticate(rotated.secret).actor(), made)
    assert services.authenticate(by_itself.secret).may_read_audit
    another = factories.member(owner.organisation_id, "owner").actor()
    assert not services.authenticate(rotate(another, made).secret).may_read_audit
    assert not services.authenticate(rotate(owner, made).secret).may_read_audit, "what is lost does not come back"


def test_a_key_hands_out_no_secret_that_may_do_more_or_lasts_longer(owner: Actor) -> None:
    lasting = factories.key(owner)
    end = datetime.now(UTC) + timedelta(days=1)
    ending = services.authenticate(services.create_key(actor=owner, name="E", expires_at=end).secret).actor()
    test = services.authenticate(factories.key(owner, environment="test").secret).actor()
    for actor in (ending, test):
        with pytest.raises(ForbiddenError):
            rotate(actor, lasting)
    itself = services.authenticate(lasting.secret).actor()
    assert services.authenticate(rotate(itself, lasting).secret).key_id == lasting.key.id


def test_others_rotate_nothing(owner: Actor, made: CreatedKey) -> None:
    viewer = factories.member(owner.organisation_id, "viewer").actor()
    for actor, error in ((viewer, ForbiddenError), (factories.owner(), NotFoundError)):
        with pytest.raises(error):
            rotate(actor, made)
    assert services.authenticate(made.secret).expires_at is None


def test_a_flood_of_unknown_keys_does_not_lock_the_secret_before_out(owner: Actor, made: CreatedKey) -> None:
    rotate(owner, made)
    for _ in range(80):
        refused(token.new_token("live"), "not known")
    assert services.authenticate(made.secret).key_id == made.key.id
