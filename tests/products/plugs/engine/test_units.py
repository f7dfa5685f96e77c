"""Units quote the stored text exactly, cover it, and carry what they do not say themselves."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from patchbay.products.plugs.engine.chunking.compose import compose, page_at
from patchbay.products.plugs.engine.chunking.sentences import split_sentences
from patchbay.products.plugs.engine.chunking.units import MAX_CHARACTERS, cut_units
from patchbay.products.plugs.engine.digest import digest
from patchbay.products.plugs.engine.parsing.blocks import Block, header, row
from patchbay.products.plugs.engine.parsing.detect import MARKDOWN, TEXT

WORDS = st.text(st.sampled_from("ab é.?! 🙂\t1"), min_size=1, max_size=400).filter(str.strip)
BLOCKS = st.lists(
    st.builds(
        Block,
        kind=st.sampled_from(["heading", "paragraph", "item", "code"]),
        text=WORDS.map(str.strip).filter(bool),
        level=st.integers(1, 3),
    ),
    min_size=1,
    max_size=30,
)


@given(BLOCKS)
@settings(max_examples=60, deadline=None)
def test_units_are_in_order_do_not_overlap_and_leave_no_words_out(blocks: list[Block]) -> None:
    composed = compose(blocks, None)
    units = cut_units(composed)
    assert all(a.end <= b.start for a, b in itertools.pairwise(units))
    assert all(unit.end > unit.start for unit in units)
    covered = set().union(*(range(unit.start, unit.end) for unit in units))
    if any(block.kind != "heading" for block in blocks):
        for placed in composed.placed:
            if placed.block.kind != "heading":
                left = [at for at in range(placed.start, placed.end) if at not in covered]
                assert not any(composed.text[at].isalnum() for at in left)


def test_a_long_clause_is_cut_at_sentences_and_each_part_knows_its_opening() -> None:
    clause = "4.2 The Supplier shall indemnify the Customer. " + "It bears every cost of every claim it caused. " * 60
    found = digest(f"# T\n\n## 4 Indemnity\n\n{clause}\n\n## 5 Other\n\nShort.\n".encode(), MARKDOWN)
    parts = [unit for unit in found.units if unit.headings == ("4 Indemnity",)]
    assert len(parts) > 2
    assert all(found.text[unit.start : unit.end].endswith(".") for unit in parts)
    assert all(len(found.text[unit.start : unit.end].split()) <= 180 for unit in parts)
    assert all("4.2 The Supplier shall indemnify" in unit.search_text for unit in parts)


def test_text_without_any_sentence_is_cut_all_the_same() -> None:
    found = digest(b"x" * 100_000, TEXT)
    assert sum(unit.end - unit.start for unit in found.units) == 100_000
    assert max(unit.end - unit.start for unit in found.units) <= MAX_CHARACTERS


def test_a_short_list_stays_with_its_opening_and_a_long_one_repeats_it() -> None:
    short = digest(b"## 3 Access\n\nThe Customer shall:\n\n- open the door;\n- switch on the light.\n", MARKDOWN)
    assert [short.text[unit.start : unit.end] for unit in short.units] == [
        "The Customer shall:\n\nopen the door;\nswitch on the light."
    ]
    items = "".join(f"- keep record number {number} of all the goods that came in that week;\n" for number in range(20))
    long = digest(f"## 3 Access\n\nThe Customer shall:\n\n{items}".encode(), MARKDOWN)
    assert all("The Customer shall:" in unit.search_text for unit in long.units)
    assert len(long.units) == 21


def test_short_names_are_found_by_their_long_ones() -> None:
    blocks = [
        header(("Term", "Meaning")),
        row(("SLA", "service level agreement"), ("Term", "Meaning")),
        Block("paragraph", "The SLA is measured monthly. " + "It binds both parties and their agents. " * 20),
        Block("paragraph", "An Authorised Treatment Facility (ATF) takes the waste within a day of the call."),
        Block("heading", "Fees", level=2),
        Block("paragraph", "Every ATF charges by weight."),
    ]
    units = cut_units(compose(blocks, None))
    assert "service level agreement" in units[1].search_text
    assert "Authorised Treatment Facility" in units[-1].search_text


def test_sentences_end_where_a_reader_ends_them() -> None:
    text = "See cl. 4.2 of the Agreement. Dr. J. Smith signs, e.g. by e-mail! 5 mg is given. Why? Because."
    assert [text[a:b] for a, b in split_sentences(text)] == [
        "See cl. 4.2 of the Agreement.",
        "Dr. J. Smith signs, e.g. by e-mail!",
        "5 mg is given.",
        "Why?",
        "Because.",
    ]


def test_a_page_is_found_from_an_offset() -> None:
    assert [page_at((0, 10, 10, 30), offset) for offset in (0, 9, 10, 29, 30, 99)] == [1, 1, 3, 3, 4, 4]
    assert page_at((), 5) is None
