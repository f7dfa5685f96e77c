"""Plugs, sessions, credits, usage, and lists that are read page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from smeplug import APIConnectionError, ConflictError, InvalidResponseError, NotFoundError

from tests.fakes.patchbay_api import Drop, Fail, FakePatchbay


def test_a_list_fetches_a_page_only_when_it_is_reached(plug: Any, fake: FakePatchbay) -> None:
    plugs = iter(plug.plugs.list(limit=2))
    assert fake.requests == []
    assert [next(plugs).id for _ in range(2)] == ["plug_0", "plug_1"]
    assert len(fake.requests) == 1
    assert [each.id for each in plugs] == ["plug_2", "plug_3", "plug_4"]
    assert [seen.query for seen in fake.requests] == [
        {"limit": "2"},
        {"limit": "2", "cursor": "2"},
        {"limit": "2", "cursor": "4"},
    ]


def test_a_list_can_be_read_twice_and_from_a_cursor(plug: Any) -> None:
    plugs = plug.plugs.list()
    assert list(plugs) == list(plugs)
    assert [each.id for each in plug.plugs.list(cursor="3")] == ["plug_3", "plug_4"]


def test_pages_show_their_cursor(plug: Any) -> None:
    assert [(len(p.data), p.next_cursor) for p in plug.plugs.list(limit=3).pages()] == [(3, "3"), (2, None)]


def test_a_cursor_that_stands_still_does_not_loop(plug: Any, fake: FakePatchbay) -> None:
    fake.fail_next(*[Fail(200, body=b'{"data": [], "next_cursor": "x"}')] * 3)
    with pytest.raises(InvalidResponseError, match="did not move on"):
        list(plug.plugs.list())
    assert len(fake.requests) == 2


def test_a_plug_is_created_and_found_by_its_slug(plug: Any, fake: FakePatchbay) -> None:
    made = plug.plugs.create(name="Leases", slug="leases", domain="legal")
    assert fake.requests[0].json == {"name": "Leases", "slug": "leases", "domain": "legal"}
    found = plug.plugs.get("leases")
    assert (found, found.domain, found.description) == (made, "legal", None)
    with pytest.raises(ConflictError, match="slug_in_use"):
        plug.plugs.create(name="Again", slug="leases")


def test_a_plug_is_deleted(plug: Any) -> None:
    plug.plugs.delete("plug-2")
    assert [each.id for each in plug.plugs.list()] == ["plug_0", "plug_1", "plug_3", "plug_4"]
    with pytest.raises(NotFoundError):
        plug.plugs.delete("plug-2")


def test_a_session_is_read_and_deleted(plug: Any) -> None:
    session_id = plug.chat("Why?").session_id
    (listed,) = plug.sessions.list()
    session = plug.sessions.get(session_id)
    assert (listed.messages, session.id, session.plug) == ((), session_id, "legal-v1")
    assert [(m.role, m.content) for m in session.messages] == [("user", "Why?")]
    plug.sessions.delete(session_id)
    with pytest.raises(NotFoundError):
        plug.sessions.get(session_id)


def test_the_balance_falls_by_what_an_answer_cost(plug: Any) -> None:
    before = plug.credits.balance()
    cost = plug.chat("Why?").usage.credits
    after = plug.credits.balance()
    assert (before.available - after.available, after.held, after.currency) == (cost, Decimal(0), "credits")


def test_entries_and_records_are_typed(plug: Any) -> None:
    (entry,) = plug.credits.entries()
    (record,) = plug.usage.records()
    assert (entry.amount, entry.request_id) == (Decimal("-1.5"), None)
    assert entry.created_at == record.created_at == datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
    assert (record.request_id, record.credits) == ("req_1", Decimal("1.5"))


def test_a_keys_limits_are_changed_and_what_is_left_out_stays(plug: Any, fake: FakePatchbay) -> None:
    changed = plug.keys.update("key_1", monthly_cap=Decimal("12.5"), requests_per_minute=30)
    assert fake.requests[0].json == {"monthly_cap": "12.5", "requests_per_minute": 30}
    assert (changed.name, changed.monthly_cap, changed.requests_per_minute) == ("CI", Decimal("12.5"), 30)
    assert plug.keys.update("key_1", monthly_cap=None).monthly_cap is None
    assert fake.requests[1].json == {"monthly_cap": None}
    assert [key.requests_per_minute for key in plug.keys.list()] == [30]


def test_a_rotated_key_shows_its_new_secret_and_how_long_the_old_one_lasts(plug: Any) -> None:
    made = plug.keys.rotate("key_1", overlap_seconds=60)
    assert made.secret == f"sme_live_{1:032x}"
    assert made.key.previous_secret_until == datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
    assert made.secret not in repr(made)
    assert "secret" not in made.key.raw
    assert plug.keys.rotate("key_1", overlap_seconds=0).key.previous_secret_until is None
    assert plug.keys.revoke("key_1").state == "revoked"


def test_a_rotation_whose_answer_is_lost_is_not_tried_again(plug: Any, fake: FakePatchbay) -> None:
    fake.fail_next(Drop(after=True))
    with pytest.raises(APIConnectionError):
        plug.keys.rotate("key_1")
    assert fake.rotations == 1


def test_a_key_knows_whose_it_is(plug: Any) -> None:
    me = plug.me()
    assert (me.organisation_id, me.organisation_name, me.raw["key"]["name"]) == ("org_1", "Blue Heron", "CI")


@pytest.mark.parametrize("bad", ["", ".", ".."])
def test_an_id_that_names_another_resource_is_refused(plug: Any, fake: FakePatchbay, bad: str) -> None:
    with pytest.raises(ValueError, match="is not an id"):
        plug.documents.delete(bad)
    assert fake.requests == []


def test_an_id_cannot_leave_its_path(plug: Any, fake: FakePatchbay) -> None:
    with pytest.raises(NotFoundError):
        plug.plugs.get("../me?x=1#y")
    assert fake.requests[0].path == "/v1/plugs/..%2Fme%3Fx%3D1%23y"


@pytest.mark.parametrize("amount", ["1.5", '"NaN"', '"much"', "null", "true"])
def test_money_that_is_no_decimal_string_is_refused(plug: Any, fake: FakePatchbay, amount: str) -> None:
    body = f'{{"available": {amount}, "held": "0", "currency": "credits"}}'.encode()
    fake.fail_next(Fail(200, body=body))
    with pytest.raises(InvalidResponseError, match=r"balance\.available"):
        plug.credits.balance()
