"""Checking keys: from memory, at once after a revocation, in every process, through a flood and without a database."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from patchbay.kernel.accounts import services as accounts
from patchbay.kernel.keys import cache, services, token
from patchbay.kernel.keys.contracts import Grant
from patchbay.kernel.keys.models import ApiKey
from patchbay.kernel.plans import services as plans
from patchbay.kernel.plans.contracts import Rate
from patchbay.kernel.plans.errors import PlanLimitError
from patchbay.lib.actor import Actor
from patchbay.lib.epoch import KEPT
from patchbay.lib.errors import UnauthenticatedError, UnavailableError
from patchbay.lib.shared import cache as shared
from patchbay.lib.shared.state import epoch
from tests import factories
from tests.kernel.keys import other_process

transactional = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> Actor:
    return factories.owner()


@given(st.one_of(st.text(max_size=60), st.from_regex(r"sme_(live|test)_[0-9a-fA-F]{30,34}\n?", fullmatch=True)))
def test_what_has_not_the_form_of_a_key_is_refused_without_a_database(text: str) -> None:
    parts = text.split("_")
    well_formed = (
        len(parts) == 3
        and parts[0] == "sme"
        and parts[1] in ("live", "test")
        and len(parts[2]) == 32
        and set(parts[2]) <= set("0123456789abcdef")
    )
    assert token.is_token(text) == well_formed
    if not well_formed:
        with pytest.raises(UnauthenticatedError):
            services.authenticate(text)
        assert services.find_cached(text) is None


@pytest.mark.django_db
def test_an_unknown_key_is_refused(owner: Actor) -> None:
    with pytest.raises(UnauthenticatedError, match="not known"):
        services.authenticate(token.new_token("live"))


@transactional
def test_a_known_key_costs_no_query(owner: Actor) -> None:
    secret = factories.key(owner).secret
    assert services.find_cached(secret) is None
    grant = services.authenticate(secret)
    with CaptureQueriesContext(connection) as queries:
        assert services.authenticate(secret) == services.find_cached(secret) == grant
    assert len(queries) == 0


@transactional
def test_an_unknown_key_costs_one_query_and_is_found_once_it_is_made(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = token.new_token("live")
    for expected in (1, 0, 0):
        with CaptureQueriesContext(connection) as queries, pytest.raises(UnauthenticatedError):
            services.authenticate(secret)
        assert len(queries) == expected
    monkeypatch.setattr(token, "new_token", lambda _: secret)
    made = factories.key(owner)
    assert services.authenticate(secret).key_id == made.key.id


@transactional
def test_a_key_that_ended_is_refused_with_its_reason_again_and_again_for_one_query(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "REFUSED_SECONDS", 3600)
    revoked, expired = factories.key(owner), factories.key(owner)
    services.revoke_key(actor=owner, key_id=revoked.key.id)
    ApiKey.objects.filter(pk=expired.key.id).update(expires_at=datetime.now(UTC))
    for secret, reason in ((revoked.secret, "was revoked"), (expired.secret, "has expired")):
        for expected in (1, 0, 0):
            with CaptureQueriesContext(connection) as queries, pytest.raises(UnauthenticatedError, match=reason):
                services.authenticate(secret)
            assert len(queries) == expected
    assert not {revoked.secret, expired.secret} & set(services._grants._refused), "nothing secret is kept"


@transactional
def test_a_key_is_known_when_its_making_is_committed_and_not_before(owner: Actor) -> None:
    before = epoch().read()
    with transaction.atomic():
        secret = factories.key(owner).secret
        assert epoch().read() == before, "others would look too early and remember that there is no such key"
    assert epoch().read() > before
    assert services.authenticate(secret)


@transactional
def test_a_key_whose_making_is_rolled_back_moves_no_epoch(owner: Actor) -> None:
    before = epoch().read()
    with transaction.atomic():
        secret = factories.key(owner).secret
        transaction.set_rollback(True)
    assert epoch().read() == before
    with pytest.raises(UnauthenticatedError, match="not known"):
        services.authenticate(secret)


@transactional
def test_the_epoch_has_moved_when_a_revocation_returns_and_its_commit_came_first(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = factories.key(owner)
    seen: list[bool] = []
    bump = epoch().bump

    def watched_bump(name: str) -> int:
        assert name == owner.organisation_id
        seen.append(not connection.in_atomic_block and ApiKey.objects.get(pk=made.key.id).revoked_at is not None)
        return bump(name)

    monkeypatch.setattr(epoch(), "bump", watched_bump)
    services.revoke_key(actor=owner, key_id=made.key.id)
    assert seen == [True]


@transactional
def test_a_revocation_inside_a_transaction_is_no_revocation(owner: Actor) -> None:
    made = factories.key(owner)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        services.revoke_key(actor=owner, key_id=made.key.id)
    assert services.authenticate(made.secret)


@transactional
def test_a_flood_of_unknown_keys_asks_the_database_a_bounded_number_of_times(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "REFUSED_SECONDS", 3600)  # a slow machine's flood stays within one of them
    monkeypatch.setattr(shared, "max_age", lambda: 3600.0)
    known = factories.key(owner).secret
    with CaptureQueriesContext(connection) as queries:
        for _ in range(2_000):
            with pytest.raises(UnauthenticatedError):
                services.authenticate(token.new_token("live"))
        assert len(queries) == cache.FLOOD + 1
        assert services.authenticate(known), "a real key still gets in"
    assert len(services._grants._refused) <= cache.FLOOD


@transactional
def test_many_keys_are_read_by_a_few_queries_each_with_its_own_answer() -> None:
    owners = [factories.owner(plan=plan) for plan in ("pro", "", "")]
    made = [factories.key(owner) for owner in owners]
    services.update_key(actor=owners[1], key_id=made[1].key.id, monthly_cap_micro=5_000_000)
    services.revoke_key(actor=owners[2], key_id=made[2].key.id)
    secrets = [*(each.secret for each in made), token.new_token("live"), "nonsense", made[0].secret]
    with CaptureQueriesContext(connection) as queries:
        pro, capped, revoked, unknown, nonsense, again = services.authenticate_all(secrets)
    assert len(queries) == 4, "keys with whose they are, who is on which plan, the plans, caps"
    assert isinstance(pro, Grant)
    assert isinstance(capped, Grant)
    assert (pro.key_id, pro.plan_code, pro.budgets) == (made[0].key.id, "pro", ())
    assert (capped.organisation_id, capped.plan_code, len(capped.budgets)) == (owners[1].organisation_id, "free", 1)
    assert again == pro
    for refusal, words in ((revoked, "was revoked"), (unknown, "not known"), (nonsense, "not an API key")):
        assert isinstance(refusal, UnauthenticatedError)
        assert words in refusal.message
    with CaptureQueriesContext(connection) as queries:
        assert services.authenticate_all(secrets)[:2] == [pro, capped]
    assert len(queries) == 0


@transactional
def test_what_one_organisation_changes_costs_the_others_nothing(owner: Actor) -> None:
    other = factories.owner()
    known, ends = factories.key(owner), factories.key(other)
    grant = services.authenticate(known.secret)
    services.authenticate(ends.secret)
    services.revoke_key(actor=other, key_id=ends.key.id)
    plans.assign_plan(organisation_id=other.organisation_id, plan_code="pro")
    factories.key(other)
    plans.set_rates(rates={"calls": Rate(1, 1)})
    assert services.find_cached(known.secret) is grant
    assert services.find_cached(ends.secret) is None
    plans.change_plan(plan_code="free", requests_per_minute=61)
    assert services.authenticate(known.secret).requests_per_minute == 61, "its plan's terms are a part of it"


@transactional
def test_who_missed_too_many_changes_asks_again_for_everyone(owner: Actor) -> None:
    made = factories.key(owner)
    services.authenticate(made.secret)
    for number in range(KEPT - 1):
        epoch().bump(f"org_{number}")
    assert services.find_cached(made.secret)
    for number in range(KEPT):
        epoch().bump(f"org_{number}")
    assert services.find_cached(made.secret) is None
    assert services.authenticate(made.secret)


@transactional
def test_an_expired_key_is_refused_though_it_is_remembered(owner: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    secret = services.create_key(actor=owner, name="Hour", expires_at=end).secret
    assert services.authenticate(secret)
    monkeypatch.setattr("time.time", lambda: end.timestamp())
    assert services.find_cached(secret) is None
    ApiKey.objects.update(expires_at=datetime.now(UTC))
    with pytest.raises(UnauthenticatedError, match="expired"):
        services.authenticate(secret)


@transactional
def test_a_change_of_plan_reaches_the_grant(owner: Actor) -> None:
    secret = factories.key(owner).secret
    assert services.authenticate(secret).requests_per_minute == 60
    plans.assign_plan(organisation_id=owner.organisation_id, plan_code="pro")
    assert services.authenticate(secret).requests_per_minute == 1_000


@transactional
def test_a_revoked_key_is_forgotten_at_once(owner: Actor) -> None:
    made = factories.key(owner)
    services.authenticate(made.secret)
    services.revoke_key(actor=owner, key_id=made.key.id)
    assert services.find_cached(made.secret) is None
    with pytest.raises(UnauthenticatedError, match="revoked"):
        services.authenticate(made.secret)


@transactional
def test_who_read_the_row_before_a_revocation_does_not_bring_the_key_back(
    owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = factories.key(owner)
    read, go_on = threading.Event(), threading.Event()
    load = services.read_grants

    def slow_read(digests: Any) -> Any:
        grants = load(digests)
        read.set()
        assert go_on.wait(30)
        return grants

    monkeypatch.setattr(services, "read_grants", slow_read)
    reader = threading.Thread(target=services.authenticate, args=(made.secret,))
    reader.start()
    assert read.wait(30)
    services.revoke_key(actor=owner, key_id=made.key.id)
    go_on.set()
    reader.join(30)
    monkeypatch.undo()
    assert services.find_cached(made.secret) is None
    with pytest.raises(UnauthenticatedError, match="revoked"):
        services.authenticate(made.secret)


@transactional
def test_a_database_that_is_away_is_no_refusal(owner: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(services, "read_grants", away)
    with pytest.raises(UnavailableError) as caught:
        services.authenticate(token.new_token("live"))
    assert caught.value.status == 503


@transactional
def test_the_last_use_is_written_once_a_minute(owner: Actor) -> None:
    made = factories.key(owner)
    services.authenticate(made.secret)
    services.flush_last_use()
    used = ApiKey.objects.get(pk=made.key.id).last_used_at
    assert used is not None
    for _ in range(3):
        services.find_cached(made.secret)
    with CaptureQueriesContext(connection) as queries:
        services.flush_last_use()
    assert len(queries) == 0


@transactional
def test_two_keys_made_at_once_stay_within_the_plan(owner: Actor) -> None:
    factories.key(owner)
    refused: list[PlanLimitError] = []

    def make() -> None:
        try:
            factories.key(owner)
        except PlanLimitError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ApiKey.objects.filter(organisation_id=owner.organisation_id).count() == 2
    assert len(refused) == 3


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[Connection]:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    monkeypatch.setenv("PATCHBAY_DATA_DIR", str(settings.DATA_DIR))
    with other_process.started({"NAME": str(connection.settings_dict["NAME"])}) as pipe:
        yield pipe


def test_a_key_revoked_in_one_process_is_refused_in_the_other_at_once(other: Connection, owner: Actor) -> None:
    def ask(secret: str) -> tuple[bool, bool]:
        other.send(secret)
        assert other.poll(60)
        answer: tuple[bool, bool] = other.recv()
        return answer

    made = factories.key(owner)
    assert ask(made.secret) == (False, True)
    assert ask(made.secret) == (True, True)
    kept = factories.key()
    assert [ask(kept.secret), ask(kept.secret)] == [(False, True), (True, True)]
    services.revoke_key(actor=owner, key_id=made.key.id)
    assert ask(made.secret) == (False, False)
    assert ask(kept.secret) == (True, True), "it is another organisation's"


def test_an_owner_who_is_demoted_or_removed_takes_an_owners_reach_from_their_keys_in_every_process(
    other: Connection,
) -> None:
    def reaches(secret: str) -> tuple[bool, bool]:
        here = services.authenticate(secret).may_read_audit
        other.send(("reach", secret))
        assert other.poll(60)
        return here, other.recv()

    first = factories.membership()
    second = factories.member(first.organisation_id, "owner")
    mine, theirs = factories.key(first.actor()).secret, factories.key(second.actor()).secret
    assert [reaches(mine), reaches(theirs)] == [(True, True), (True, True)]
    for role, expected in (("editor", (False, False)), ("owner", (True, True)), ("viewer", (False, False))):
        accounts.change_role(actor=first.actor(), membership_id=second.pk, role=role)
        assert [reaches(mine), reaches(theirs)] == [(True, True), expected]
    accounts.change_role(actor=first.actor(), membership_id=second.pk, role="owner")
    accounts.remove_member(actor=first.actor(), membership_id=second.pk)
    assert [reaches(mine), reaches(theirs)] == [(True, True), (False, False)]


def test_two_keys_revoked_at_once_in_two_processes_are_refused_in_both(other: Connection) -> None:
    """Whoever revokes first, its call returns when the other process knows, which revokes at the same time."""
    for _ in range(5):
        pairs = [(owner, factories.key(owner)) for owner in (factories.owner(), factories.owner())]
        for _, made in pairs:
            other.send(made.secret)
            assert other.recv()[1]
            services.authenticate(made.secret)
        (here, mine), (there, theirs) = pairs
        other.send((there, theirs.key.id))
        services.revoke_key(actor=here, key_id=mine.key.id)
        assert services.find_cached(mine.secret) is None
        assert other.poll(60)
        assert other.recv() == "revoked"
        for _, made in pairs:
            assert services.find_cached(made.secret) is None
            other.send(made.secret)
            assert other.recv() == (False, False)


def test_what_was_learned_lasts_longer_where_every_process_sees_the_epoch(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = settings.DATABASES["default"]
    settings.REDIS_URL = ""
    monkeypatch.setitem(database, "ENGINE", "django.db.backends.postgresql")
    assert shared.max_age() == shared.SECONDS
    settings.REDIS_URL = "redis://localhost:6379/0"
    assert shared.max_age() == shared.ALONE_SECONDS
    settings.REDIS_URL = ""
    monkeypatch.setitem(database, "ENGINE", "django.db.backends.sqlite3")
    assert shared.max_age() == shared.ALONE_SECONDS
