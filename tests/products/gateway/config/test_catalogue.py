"""The catalogue: what routing sees of the set-up, and when."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from patchbay.lib import crypto
from patchbay.lib.actor import Actor
from patchbay.lib.shared.state import epoch
from patchbay.products.gateway import queries, services
from patchbay.products.gateway.checks import WantedTarget
from patchbay.products.gateway.contracts import OFFLINE_MODEL
from patchbay.products.gateway.models import ProviderKey
from tests import factories

SECRET = "sk-platform-0123456789abcdef"


@pytest.fixture
def staff(transactional_db: None) -> Actor:
    return replace(factories.owner(), is_staff=True)


def provider(actor: Actor, organisation_id: str | None = None, name: str = "openai", **terms: Any) -> None:
    services.create_provider(
        actor=actor, organisation_id=organisation_id, name=name, kind="openai", api_key=SECRET, **terms
    )


def alias(actor: Actor, name: str, *targets: str, organisation_id: str | None = None, **terms: Any) -> None:
    wanted = [WantedTarget(*target.split("/", 1), order=order) for order, target in enumerate(targets)]
    services.create_alias(actor=actor, organisation_id=organisation_id, name=name, targets=wanted, **terms)


@pytest.fixture
def world(staff: Actor) -> tuple[Actor, Actor]:
    """The platform offers `gpt` by `openai`; an organisation that has nothing of its own is there too."""
    provider(staff, max_concurrent=8, requests_per_minute=100, queue_seconds=2)
    alias(staff, "gpt", "openai/gpt-4o")
    return staff, factories.owner()


def test_without_rows_there_are_the_built_in_model_and_the_one_of_the_settings(
    transactional_db: None, settings: Any
) -> None:
    settings.MODEL, settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = "local-8b", "http://10.0.0.7/v1", "k"
    catalogue = queries.get_catalogue("org_any")
    assert set(catalogue.aliases) == {OFFLINE_MODEL, "local-8b"}
    target = catalogue.aliases["local-8b"].targets[0]
    assert (target.model, target.provider.name, target.provider.kind) == ("local-8b", "default", "openai")
    assert target.provider.base_url == "http://10.0.0.7/v1"
    assert [key.secret for key in target.provider.keys] == ["k"]
    assert target.provider.private_allowed
    assert catalogue.aliases[OFFLINE_MODEL].targets[0].provider.kind == "offline"


def test_a_row_takes_the_place_of_the_settings_model(staff: Actor, settings: Any) -> None:
    settings.MODEL = "gpt"
    provider(staff)
    alias(staff, "gpt", "openai/gpt-4o")
    assert queries.get_catalogue("org_any").aliases["gpt"].targets[0].provider.name == "openai"


def test_the_platforms_models_are_everyones_with_their_terms_and_plain_keys(world: tuple[Actor, Actor]) -> None:
    found = queries.get_catalogue(world[1].organisation_id).aliases["gpt"]
    target = found.targets[0]
    assert (found.organisation_id, target.model, target.provider.base_url) == (
        None,
        "gpt-4o",
        "https://api.openai.com/v1",
    )
    limits = (target.provider.max_concurrent, target.provider.requests_per_minute, target.provider.queue_seconds)
    assert limits == (8, 100, 2.0)
    assert [key.secret for key in target.provider.keys] == [SECRET]
    assert SECRET not in repr(found)


def test_targets_stand_in_their_order(world: tuple[Actor, Actor]) -> None:
    staff, _ = world
    provider(staff, name="backup")
    targets = [WantedTarget("backup", "b", order=2), WantedTarget("openai", "a", order=1, weight=3)]
    services.update_alias(actor=staff, organisation_id=None, alias="gpt", targets=targets, balancing="least_busy")
    found = queries.get_catalogue("org_any").aliases["gpt"]
    assert [(target.model, target.weight) for target in found.targets] == [("a", 3), ("b", 1)]
    assert found.balancing == "least_busy"


def test_an_own_model_hides_the_platforms_from_its_organisation_alone(world: tuple[Actor, Actor]) -> None:
    _, owner = world
    provider(owner, owner.organisation_id, name="mine")
    alias(owner, "gpt", "mine/own-gpt", organisation_id=owner.organisation_id)
    own = queries.get_catalogue(owner.organisation_id)
    assert own.aliases["gpt"].targets[0].model == "own-gpt"
    assert own.aliases["gpt"].organisation_id == owner.organisation_id
    assert set(own.aliases) == {OFFLINE_MODEL, "gpt"}
    assert len(own.aliases) == 2
    assert queries.get_catalogue("org_other").aliases["gpt"].targets[0].model == "gpt-4o"


def test_an_own_model_that_is_off_does_not_fall_to_the_platforms(world: tuple[Actor, Actor]) -> None:
    _, owner = world
    provider(owner, owner.organisation_id, name="mine")
    alias(owner, "gpt", "mine/own-gpt", organisation_id=owner.organisation_id)
    services.update_provider(actor=owner, organisation_id=owner.organisation_id, provider="mine", enabled=False)
    own = queries.get_catalogue(owner.organisation_id).aliases
    assert own.get("gpt") is None
    assert "gpt" not in own
    assert set(own) == {OFFLINE_MODEL}
    with pytest.raises(KeyError):
        own["gpt"]


def test_what_is_switched_off_is_left_out(world: tuple[Actor, Actor]) -> None:
    staff, owner = world
    provider(staff, name="backup")
    services.put_target(actor=staff, organisation_id=None, alias="gpt", target=WantedTarget("backup", "b"))
    services.update_provider(actor=staff, organisation_id=None, provider="openai", enabled=False)
    assert [target.model for target in queries.get_catalogue(owner.organisation_id).aliases["gpt"].targets] == ["b"]
    services.update_alias(actor=staff, organisation_id=None, alias="gpt", enabled=False)
    assert "gpt" not in queries.get_catalogue(owner.organisation_id).aliases


def test_a_key_that_is_off_is_not_in_the_pool(world: tuple[Actor, Actor]) -> None:
    staff, owner = world
    other = services.add_provider_key(
        actor=staff, organisation_id=None, provider="openai", api_key="sk-other-123456789"
    )
    services.update_provider_key(actor=staff, organisation_id=None, provider="openai", key_id=other.id, weight=7)
    (first, second) = queries.get_catalogue(owner.organisation_id).aliases["gpt"].targets[0].provider.keys
    assert (first.weight, second.weight) == (1, 7)
    services.update_provider_key(actor=staff, organisation_id=None, provider="openai", key_id=first.id, enabled=False)
    (left,) = queries.get_catalogue(owner.organisation_id).aliases["gpt"].targets[0].provider.keys
    assert left.id == second.id


def test_a_key_that_no_encryption_key_fits_is_left_out_and_the_rest_served(world: tuple[Actor, Actor]) -> None:
    staff, owner = world
    other = "sk-other-0123456789fedcba"
    services.add_provider_key(actor=staff, organisation_id=None, provider="openai", api_key=other)
    ProviderKey.objects.filter(hint=SECRET[-4:]).update(encrypted=b"gAAAAAnonsense")
    epoch().bump()
    keys = queries.get_catalogue(owner.organisation_id).aliases["gpt"].targets[0].provider.keys
    assert [key.secret for key in keys] == [other]


def test_a_change_holds_when_its_call_returns_and_the_event_loop_never_reads(
    world: tuple[Actor, Actor], django_assert_num_queries: Any
) -> None:
    staff, owner = world
    queries.get_catalogue(owner.organisation_id)
    with django_assert_num_queries(0):
        assert queries.find_cached_catalogue(owner.organisation_id) is not None
        assert queries.get_catalogue(owner.organisation_id).aliases["gpt"]
    services.delete_alias(actor=staff, organisation_id=None, alias="gpt")
    with django_assert_num_queries(0):
        assert queries.find_cached_catalogue(owner.organisation_id) is None
    assert "gpt" not in queries.get_catalogue(owner.organisation_id).aliases


def test_organisations_without_own_things_share_the_platforms_part(
    world: tuple[Actor, Actor], django_assert_num_queries: Any
) -> None:
    first = queries.get_catalogue("org_0")
    with django_assert_num_queries(0):
        many = [queries.get_catalogue(f"org_{number}") for number in range(10_000)]
        assert all(queries.find_cached_catalogue(f"never_seen_{number}") for number in range(100))
    assert all(catalogue.aliases is first.aliases for catalogue in many)
    assert sys.getsizeof(many[1]) < 200


def test_what_one_organisation_sets_up_leaves_the_others_in_memory(world: tuple[Actor, Actor]) -> None:
    staff, owner = world
    other = queries.get_catalogue("org_other")
    queries.get_catalogue(owner.organisation_id)
    provider(owner, owner.organisation_id, name="mine")
    assert queries.find_cached_catalogue("org_other") is other
    assert queries.find_cached_catalogue(owner.organisation_id) is None
    services.update_alias(actor=staff, organisation_id=None, alias="gpt", enabled=False)
    assert queries.find_cached_catalogue("org_other") is None


def test_who_looks_between_the_steps_of_a_change_brings_nothing_old_back(
    world: tuple[Actor, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An organisation's first model: until then it was among those who have nothing of their own."""
    _, owner = world
    bump, looks = epoch().bump, []

    def watched_bump(name: str) -> int:
        queries.get_catalogue("org_other")
        looks.append(queries.get_catalogue(owner.organisation_id))
        value = bump(name)
        queries.get_catalogue("org_other")  # has the platform's part in memory again
        looks.append(queries.find_cached_catalogue(owner.organisation_id))
        return value

    monkeypatch.setattr(epoch(), "bump", watched_bump)
    provider(owner, owner.organisation_id, name="mine")
    alias(owner, "own", "mine/own-gpt", organisation_id=owner.organisation_id)
    monkeypatch.undo()
    assert len(looks) == 8
    assert "own" in queries.get_catalogue(owner.organisation_id).aliases
    assert "own" not in queries.get_catalogue("org_other").aliases


def test_rules_are_the_organisations_own(world: tuple[Actor, Actor]) -> None:
    _, owner = world
    services.set_rules(actor=owner, allowed_models=["gpt", "gpt"], cut_policy="cancel", log_bodies=True, body_days=3)
    own = queries.get_catalogue(owner.organisation_id)
    assert own.allowed_models == frozenset({"gpt"})
    assert (own.cut_policy, own.log_bodies, own.body_days) == ("cancel", True, 3)
    assert queries.get_catalogue("org_other").allowed_models is None
    services.set_rules(actor=owner, allowed_models=None)
    assert queries.get_catalogue(owner.organisation_id).allowed_models is None


def test_a_transaction_sees_its_own_changes_and_leaves_nothing_in_memory(world: tuple[Actor, Actor]) -> None:
    staff, owner = world
    with transaction.atomic():
        services.update_alias(actor=staff, organisation_id=None, alias="gpt", name="renamed")
        assert "renamed" in queries.get_catalogue(owner.organisation_id).aliases
        transaction.set_rollback(True)
    assert "gpt" in queries.get_catalogue(owner.organisation_id).aliases


def test_secrets_lie_encrypted(world: tuple[Actor, Actor], settings: Any) -> None:
    row = ProviderKey.objects.get()
    assert SECRET.encode() not in bytes(row.encrypted)
    assert crypto.decrypt(row.encrypted) == SECRET.encode()
    assert Path(settings.ENCRYPTION_KEYS_FILE).exists()
