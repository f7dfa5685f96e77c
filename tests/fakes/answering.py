"""Retrieval, prompt and reading without documents: what the model says is taken as verified, with one citation."""

from collections.abc import Sequence

from patchbay.products.gateway.engine.contracts import Delta, Evidence, Message
from patchbay.products.plugs.engine.contracts import Citation, Outcome, Prepared, Question, Verdict

CITATION = Citation(
    index=1,
    document_id="doc_1",
    document_version=2,
    title="Terms",
    page=3,
    section="8 Payment",
    quote="30 days",
    start=100,
    end=107,
)


class FakeReader:
    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._text = ""

    def feed(self, text: str) -> Sequence[Delta | Citation]:
        self._text += text
        return [Delta(text)]

    def finish(self) -> Sequence[Delta | Citation]:
        return [CITATION]

    @property
    def verdict(self) -> Verdict:
        return Verdict(self._outcome, self._text, (CITATION,), 0.75)


class FakeAnswering:
    """Fulfils `plugs.engine.contracts.Answering`; keeps the questions it was asked."""

    def __init__(self, outcome: Outcome = "answered") -> None:
        self.outcome: Outcome = outcome
        self.questions: list[Question] = []
        self.error: Exception | None = None

    def prepare(self, question: Question) -> Prepared:
        if self.error:
            raise self.error
        self.questions.append(question)
        turns = [Message(turn.role, turn.content) for turn in question.history]
        messages = (Message("system", question.persona), *turns, Message("user", question.text))
        return Prepared(messages, Evidence(question.text, ()), FakeReader(self.outcome))
