"""Providers and their keys: who may, what is written down, and that a key goes nowhere but to its provider."""

from dataclasses import replace
from typing import Any

import pytest

from patchbay.kernel.accounts import services as accounts
from patchbay.kernel.audit import queries as audit
from patchbay.lib import crypto
from patchbay.lib.actor import Actor
from patchbay.lib.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from patchbay.products.gateway import queries, services
from patchbay.products.gateway.checks import WantedTarget
from patchbay.products.gateway.models import ProviderKey
from patchbay.products.gateway.services.encryption import Renewed, renew_secrets
from tests import factories
from tests.factories.gateway import SECRET, own_model, provider

pytestmark = pytest.mark.django_db


def test_the_platforms_are_staffs_and_an_organisations_its_owners(owner: Actor, staff: Actor) -> None:
    assert provider(staff).organisation_id is None
    own = provider(owner, organisation_id=owner.organisation_id)
    assert own.organisation_id == owner.organisation_id
    assert [made.name for made in queries.list_providers(owner.organisation_id)] == ["openai"]
    with pytest.raises(ForbiddenError):
        provider(owner, "another")
    for role in ("editor", "viewer"):
        with pytest.raises(ForbiddenError):
            provider(replace(owner, role=role), "another", organisation_id=owner.organisation_id)
    with pytest.raises(NotFoundError):
        provider(owner, "another", organisation_id=staff.organisation_id)
    with pytest.raises(NotFoundError):
        services.delete_provider(actor=factories.owner(), organisation_id=owner.organisation_id, provider=own.id)


def test_a_key_is_seen_by_nobody_after_it_went_in(owner: Actor) -> None:
    made = provider(owner, organisation_id=owner.organisation_id)
    assert [key.hint for key in made.keys] == [SECRET[-4:]]
    events = audit.list_events(owner.organisation_id).data
    assert SECRET not in repr((made, events, ProviderKey.objects.get()))
    assert {"provider.created", "provider.key_added"} <= {event.action for event in events}


def test_a_short_key_shows_nothing_of_itself(owner: Actor) -> None:
    own = owner.organisation_id
    provider(owner, organisation_id=own)
    assert (
        services.add_provider_key(actor=owner, organisation_id=own, provider="openai", api_key="short-key").hint == ""
    )


def test_what_the_platform_changes_is_in_the_platforms_own_log(staff: Actor) -> None:
    home = accounts.ensure_platform_organisation().pk
    provider(staff)
    assert "provider.created" in {event.action for event in audit.list_events(home).data}
    assert "provider.created" not in {event.action for event in audit.list_events(staff.organisation_id).data}


def test_only_staff_name_a_private_address(owner: Actor, staff: Actor) -> None:
    own = {"organisation_id": owner.organisation_id, "name": "next-door", "kind": "openai"}
    local = "http://127.0.0.1:11434/v1"
    with pytest.raises(InvalidError, match="terms are not right"):
        services.create_provider(actor=owner, base_url=local, **own)
    with pytest.raises(ForbiddenError):
        services.create_provider(actor=owner, base_url=local, private_allowed=True, **own)
    made = services.create_provider(actor=staff, base_url=local + "/", private_allowed=True, **own)
    assert (made.base_url, made.private_allowed) == (local, True)
    services.update_provider(actor=owner, organisation_id=owner.organisation_id, provider=made.id, max_concurrent=2)
    with pytest.raises(ForbiddenError):
        services.update_provider(
            actor=owner, organisation_id=owner.organisation_id, provider=made.id, base_url="http://10.0.0.1/v1"
        )


@pytest.mark.parametrize(
    "address",
    [
        "https://10.0.0.1/v1",
        "https://192.168.1.1",
        "https://169.254.169.254/latest",
        "https://[::1]/v1",
        "https://[fd00::1]/v1",
        "https://[::ffff:127.0.0.1]/v1",
        "https://224.0.0.1",
        "https://0.0.0.0",
        "https://localhost.",
        "https://a.localhost/v1",
        "ftp://api.example.com",
        "https://",
        "https://api.example.com/v1?key=1",
        "https://api.example.com/v1#x",
        "https://api.example.com:99999",
        "https://ex ample.com",
        "https://exämple.com",
        "api.example.com/v1",
    ],
)
def test_an_address_that_cannot_be_is_named(owner: Actor, address: str) -> None:
    with pytest.raises(InvalidError) as caught:
        services.create_provider(
            actor=owner, organisation_id=owner.organisation_id, name="x", kind="openai", base_url=address
        )
    assert [fault.field for fault in caught.value.fields] == ["base_url"]


def test_without_an_address_it_is_the_vendors_own(owner: Actor) -> None:
    own = owner.organisation_id
    assert provider(owner, "a", organisation_id=own).base_url == "https://api.openai.com/v1"
    assert provider(owner, "b", organisation_id=own, kind="anthropic").base_url == "https://api.anthropic.com"


def test_a_key_does_not_follow_its_provider_to_another_server(owner: Actor) -> None:
    own = owner.organisation_id
    made = provider(owner, organisation_id=own)
    moved: dict[str, Any] = {"organisation_id": own, "provider": made.id, "base_url": "https://attacker.example/v1"}
    with pytest.raises(InvalidError) as caught:
        services.update_provider(actor=owner, **moved)
    assert [fault.field for fault in caught.value.fields] == ["api_key"]
    after = services.update_provider(actor=owner, **moved, api_key="sk-for-the-new-server-9999")
    assert [key.hint for key in after.keys] == ["9999"]
    same = services.update_provider(
        actor=owner, organisation_id=own, provider=made.id, base_url="https://attacker.example/v2"
    )
    assert [key.hint for key in same.keys] == ["9999"], "another path of one server keeps it"


def test_names_are_unique_for_each_owner(owner: Actor, staff: Actor) -> None:
    provider(staff)
    provider(owner, organisation_id=owner.organisation_id)
    with pytest.raises(ConflictError):
        provider(staff)
    with pytest.raises(ConflictError, match="settings"):
        provider(staff, "default")


def test_a_provider_that_models_lead_to_stays(owner: Actor) -> None:
    made, alias = own_model(owner)
    with pytest.raises(ConflictError, match=alias.name):
        services.delete_provider(actor=owner, organisation_id=owner.organisation_id, provider=made.id)
    services.delete_alias(actor=owner, organisation_id=owner.organisation_id, alias=alias.id)
    services.delete_provider(actor=owner, organisation_id=owner.organisation_id, provider=made.id)
    assert queries.list_providers(owner.organisation_id) == []
    assert ProviderKey.objects.count() == 0


def test_the_pool_takes_each_key_once_and_lets_them_go_by_their_end(owner: Actor) -> None:
    own = owner.organisation_id
    provider(owner, organisation_id=own)
    with pytest.raises(ConflictError):
        services.add_provider_key(actor=owner, organisation_id=own, provider="openai", api_key=f" {SECRET}\n")
    services.add_provider_key(actor=owner, organisation_id=own, provider="openai", api_key="sk-second-0123456789-zzzz")
    services.remove_provider_key(actor=owner, organisation_id=own, provider="openai", key_id="zzzz")
    assert [key.hint for key in queries.get_provider(own, "openai").keys] == [SECRET[-4:]]
    with pytest.raises(NotFoundError):
        services.remove_provider_key(actor=owner, organisation_id=own, provider="openai", key_id="zzzz")


def test_an_own_model_does_not_lead_to_the_platforms_provider(owner: Actor, staff: Actor) -> None:
    provider(staff, "platform")
    with pytest.raises(InvalidError) as caught:
        services.create_alias(
            actor=owner,
            organisation_id=owner.organisation_id,
            name="cheap",
            targets=[WantedTarget("platform", "gpt-4o")],
        )
    assert [fault.field for fault in caught.value.fields] == ["targets.0.provider"]


def test_the_same_target_again_takes_its_new_terms_and_keeps_its_id(staff: Actor) -> None:
    provider(staff)
    first = services.put_target(actor=staff, organisation_id=None, alias="fast", target=WantedTarget("openai", "a"))
    services.put_target(actor=staff, organisation_id=None, alias="fast", target=WantedTarget("openai", "b", order=1))
    wanted = WantedTarget("openai", "a", order=2, weight=5, max_prompt_tokens=100, tools=False)
    alias = services.put_target(actor=staff, organisation_id=None, alias="fast", target=wanted)
    assert [(target.model, target.order, target.weight) for target in alias.targets] == [("b", 1, 1), ("a", 2, 5)]
    assert alias.targets[1].id == first.targets[0].id
    assert (alias.targets[1].max_prompt_tokens, alias.targets[1].tools) == (100, False)


def test_a_change_of_nothing_writes_nothing_down(owner: Actor) -> None:
    made, alias = own_model(owner)
    before = len(audit.list_events(owner.organisation_id).data)
    own = owner.organisation_id
    services.update_provider(actor=owner, organisation_id=own, provider=made.id, name=made.name)
    services.update_alias(actor=owner, organisation_id=own, alias=alias.id, balancing="weighted")
    services.set_rules(actor=owner, allowed_models=None)
    assert len(audit.list_events(own).data) == before


def test_rules_that_cannot_be_are_named(owner: Actor) -> None:
    for rules, field in [
        ({"cut_policy": "hang_up"}, "cut_policy"),
        ({"body_days": 0}, "body_days"),
        ({"allowed_models": ["two words"]}, "allowed_models"),
    ]:
        with pytest.raises(InvalidError) as caught:
            services.set_rules(actor=owner, **rules)
        assert [fault.field for fault in caught.value.fields] == [field]
    with pytest.raises(ForbiddenError):
        services.set_rules(actor=replace(owner, role="editor"), log_bodies=True)


def test_secrets_are_renewed_and_those_that_cannot_be_read_are_counted(
    owner: Actor, settings: Any, tmp_path: Any
) -> None:
    settings.ENCRYPTION_KEYS_FILE = tmp_path / "keys"
    own = owner.organisation_id
    provider(owner, organisation_id=own)
    lost = services.add_provider_key(actor=owner, organisation_id=own, provider="openai", api_key="sk-other-0123456789")
    ProviderKey.objects.filter(pk=lost.id).update(encrypted=b"gAAAAAnonsense")
    crypto.keyring().add()
    assert renew_secrets() == Renewed(renewed=1, lost=1)
    crypto.keyring().add()  # the key that first encrypted it is forgotten now
    row = ProviderKey.objects.exclude(pk=lost.id).get()
    assert crypto.decrypt(row.encrypted).decode() == SECRET
