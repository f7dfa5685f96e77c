"""Two documents as a prompt pins them, and what a reader makes of a model's text."""

from collections.abc import Sequence

from patchbay.products.gateway.engine.contracts import Delta
from patchbay.products.plugs.engine.answering.bind import Pinned
from patchbay.products.plugs.engine.answering.reader import VerifyingReader
from patchbay.products.plugs.engine.contracts import Citation, Verdict

CONTRACT = (
    "1 Payment\n\nThe Customer shall pay each invoice within thirty (30) days of receiving it.\n\n"
    "The Customer may dispute an invoice within 7 days. A late pay-\nment bears interest at 4.5% a year."
)
TABLE = "Severity\tResponse\nSeverity 1\t15 minutes\nSeverity 2\t2 hours"
CLAUSE_START = CONTRACT.index("The Customer shall")
DISPUTE_START = CONTRACT.index("The Customer may")
ROW_START = TABLE.index("Severity 1")

PASSAGES = (
    Pinned(
        1, "doc_a", 3, "Agreement", "1 Payment", CLAUSE_START, CONTRACT[CLAUSE_START : DISPUTE_START - 2],
        (0, DISPUTE_START),
    ),
    Pinned(
        2, "doc_a", 3, "Agreement", "1 Payment", DISPUTE_START, CONTRACT[DISPUTE_START:], (0, DISPUTE_START)
    ),
    Pinned(3, "doc_b", 1, "Schedule", None, ROW_START, TABLE[ROW_START:]),
)  # fmt: skip
STORED = {"doc_a": CONTRACT, "doc_b": TABLE}


def read(
    text: str, *, question: str = "", size: int = 7, passages: Sequence[Pinned] = PASSAGES
) -> tuple[list[Delta | Citation], Verdict]:
    """Feed a model's text in pieces of `size` characters; return what came out, in order, and the verdict."""
    reader = VerifyingReader(question, passages)
    pieces: list[Delta | Citation] = []
    for start in range(0, len(text), size):
        pieces += reader.feed(text[start : start + size])
    pieces += reader.finish()
    return pieces, reader.verdict
