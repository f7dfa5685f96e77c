"""Markdown reads as its page shows it: what only tells a program something is no text."""

import time

import pytest

from patchbay.products.plugs.engine.digest import digest
from patchbay.products.plugs.engine.parsing import detect, markdown
from patchbay.products.plugs.engine.parsing.blocks import UnreadableError


def text_of(source: str) -> str:
    return digest(source.encode(), detect.MARKDOWN).text


@pytest.mark.parametrize(
    "front",
    [
        "---\ntitle: Lease\ntags:\n  - rent\n\ndraft: true\n---\n",
        "---  \r\n# made by a program\r\ntitle: Lease\r\n...\r\n",
        '+++\ntitle = "Lease"\n[extra]\n+++\n',
    ],
    ids=["YAML", "YAML with a comment", "TOML"],
)
def test_front_matter_is_no_text(front: str) -> None:
    assert text_of(f"{front}# Rent\n\nThe rent is 40.\n\n---\n\nNothing: else.\n") == (
        "Rent\n\nThe rent is 40.\n\nNothing: else."
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("---\n\nThe rent is 40.\n\n---\n\nNo more.\n", "The rent is 40.\n\nNo more."),
        ("---\nThe rent is 40.\n\n---\nNo more.\n", "The rent is 40.\n\nNo more."),
        ("---\ntitle: Lease\n\nThe rent is 40.\n", "title: Lease\n\nThe rent is 40."),
        ("The lease.\n\n---\nrent: 40\n\n---\n", "The lease.\n\nrent: 40"),
    ],
    ids=["a rule", "a rule before text", "never closed", "not at the start"],
)
def test_what_only_looks_like_front_matter_is_text(source: str, text: str) -> None:
    assert text_of(source) == text


def test_links_by_reference_show_their_text_and_their_definitions_do_not_show() -> None:
    source = (
        "[Terms]: https://x.example/a_b_c 'The terms'\n\n"
        "See the [general terms][terms], the [Terms][] and the [TERMS].\n"
        "![a *plan*][plan] [![built][badge]][terms] [`code`][terms] [`get()`]\n\n"
        "[plan]: <plan one.png> (A plan)\n[badge]: /b.svg\n> [`get()`]: /get\n\n"
        "| Rule | From |\n|-|-|\n| pay | [here][plan] |\n"
    )
    assert text_of(source) == (
        "See the general terms, the Terms and the TERMS. a plan built code get()\n\nRule\tFrom\npay\there"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Take a[0][1], [sic] and [Draft][2].",
        "[Note]: see the annex below",
        "Write [^a-z] for anything else.",
        "if a < b: c > d",
    ],
)
def test_brackets_that_refer_to_nothing_are_text(text: str) -> None:
    assert text_of(text) == text


def test_a_definition_does_not_break_a_paragraph_and_is_shown_in_a_listing() -> None:
    assert text_of("The terms:\n[a]: /x\n\n```\n[b]: /y\n```\n") == "The terms: a: /x\n\n[b]: /y"


def test_a_footnote_is_a_paragraph_and_its_mark_goes() -> None:
    source = (
        "The rent is 40.[^1] It is due monthly[^due], in advance.\n\n"
        "[^1]: Without *heating*,\n    and without water.\n[^due]: On the first [day](/d).\n\nThe end.\n"
    )
    assert text_of(source) == (
        "The rent is 40. It is due monthly, in advance.\n\n"
        "Without heating, and without water.\n\nOn the first day.\n\nThe end."
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Ask <https://x.example/__all__/a_b*c*d> first.", "Ask https://x.example/__all__/a_b*c*d first."),
        ("Write to <office@x.example>, **now**.", "Write to office@x.example, now."),
        ("See [Lease (law)](https://x.example/Lease_(law)).", "See Lease (law)."),
        ("[`POST /v1`](api.md) and [a \\[b\\]](c)", "POST /v1 and a [b]"),
        ("\\[not a link\\](x) \\<https://x.example>", "[not a link](x) <https://x.example>"),
    ],
)
def test_addresses_and_links_show_what_a_reader_sees(source: str, text: str) -> None:
    assert text_of(source) == text


WORDS = r"[ ] [] [a [a][b []( [x](() [x](a [^ [^1 < <ab: <a@ \ [\ ` `b ``b` * **a ~~a &# a| <!--"
HOSTILE = [*WORDS.split(), "<b ", "_a ", "- ", "> ", "[a]: x ", '[a]: x "']


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_time_of_a_hostile_line_grows_with_its_length_alone(piece: str) -> None:
    """A tenth of a second of CPU is usual; a pattern that looked on from each start would need minutes."""
    line = piece * (100_000 // len(piece))
    started = time.process_time()
    markdown.parse(f"a {line}\n\n{line}".encode())
    assert time.process_time() - started < 5


def test_a_line_beyond_all_measure_is_refused_at_once() -> None:
    with pytest.raises(UnreadableError, match="Split it"):
        markdown.parse(b"[a](" * 12_500_000)
