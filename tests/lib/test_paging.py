"""Cursors are ours and opaque; a strange one is named in the error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.kernel.accounts.models import Organisation
from patchbay.lib.errors import InvalidError
from patchbay.lib.paging import decode_cursor, encode_cursor, page_of


@given(st.text(alphabet="abcdef0123456789_", min_size=1, max_size=40))
def test_a_cursor_leads_back_to_its_id(last_id: str) -> None:
    assert decode_cursor(encode_cursor(last_id)) == last_id


@pytest.mark.parametrize("wrong", ["%%%", "é", "a"])
def test_a_strange_cursor_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(InvalidError) as caught:
        decode_cursor(wrong)
    assert caught.value.fields[0].field == "cursor"


def test_another_lists_cursor_is_refused_by_name() -> None:
    with pytest.raises(InvalidError) as caught:
        page_of(Organisation.objects.all(), cursor=encode_cursor("plug_01a2011f76a5760597f4c47568e1cfdf"))
    assert caught.value.fields[0].field == "cursor"


@pytest.mark.django_db
def test_pages_show_every_row_once_newest_first() -> None:
    made = [Organisation.objects.create(name=f"Org {n}", slug=f"org-{n}").id for n in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        page = page_of(Organisation.objects.filter(id__in=made), limit=3, cursor=cursor)
        seen += [row.id for row in page.data]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(made, reverse=True)
