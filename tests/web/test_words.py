"""Amounts, times and sizes are said exactly."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchbay.lib.money import from_credits
from patchbay.web.templatetags import patchbay as words


def plain(html: str) -> str:
    return "".join(part.partition(">")[2] if "<" not in part and ">" in part else part for part in html.split("<"))


@pytest.mark.parametrize(
    ("micro", "shown"),
    [
        (0, "0.000"),
        (2_914_000, "2.914"),
        (1_000_001, "1.000001"),
        (51_246_215_000, "51,246.215"),
        (-1_500_000, "−1.500"),
        (1, "0.000001"),
    ],
)
def test_an_amount_keeps_every_decimal_that_says_something(micro: int, shown: str) -> None:
    assert plain(words.amount(micro)) == shown


@pytest.mark.parametrize(("number", "shown"), [(476_164, "476,164"), (0, "0"), (None, "0"), ("", "0")])
def test_a_count_keeps_its_thousands_apart_and_nothing_is_zero(number: Any, shown: str) -> None:
    assert words.count(number) == shown


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_an_amount_can_be_read_back_to_the_micro_credit(micro: int) -> None:
    assert from_credits(plain(words.amount(micro)).replace(",", "").replace("−", "-")) == micro


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (1, "now"),
        (12, "12 s ago"),
        (125, "2 min ago"),
        (3700, "1 hour ago"),
        (2 * 86400 + 60, "2 days ago"),
        (-7260, "in 2 hours"),
    ],
)
def test_a_time_says_how_long_ago(seconds: int, shown: str) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=seconds)
    assert plain(words.ago(moment)) == shown


def test_a_time_carries_its_exact_moment() -> None:
    html = words.ago(datetime(2026, 11, 18, 14, 31, 52, tzinfo=UTC))
    assert 'datetime="2026-11-18T14:31:52+00:00"' in html
    assert "Wednesday 18 November 2026, 14:31:52 UTC" in html


@pytest.mark.parametrize(
    ("count", "shown"), [(92, "92 B"), (2048, "2.0 KB"), (50 * 1024 * 1024, "50 MB"), (2_202_009, "2.1 MB")]
)
def test_a_size_steps_as_limits_do(count: int, shown: str) -> None:
    assert words.size(count) == shown


@pytest.mark.parametrize(
    ("name", "letters"), [("Mara Lindqvist", "ML"), ("mara@larkfield.example", "M"), ("j.van.dam@x.example", "JV")]
)
def test_initials(name: str, letters: str) -> None:
    assert words.initials(name) == letters


def test_a_user_agent_is_named_by_its_browser() -> None:
    edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0"
    assert words.browser(edge) == "Edge on Windows"
    assert words.browser("curl/8.5") == "curl/8.5"
    assert words.browser("") == "An unknown program"


def test_a_change_says_before_and_after() -> None:
    assert words.changed(["viewer", "editor"]) == "viewer → editor"
    assert words.changed([None, "x"]) == "none → x"
    assert words.changed("live") == "live"


def test_a_part_is_never_more_than_the_whole() -> None:
    assert words.percent(5, 10) == "50.00"
    assert words.percent(20, 10) == "100.00"
    assert words.percent(1, 0) == "0"
