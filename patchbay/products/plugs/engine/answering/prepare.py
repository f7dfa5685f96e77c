"""A question made ready for a model."""

from patchbay.products.plugs.engine.answering.prompt import build_prompt
from patchbay.products.plugs.engine.answering.reader import VerifyingReader
from patchbay.products.plugs.engine.answering.retrieve import retrieve
from patchbay.products.plugs.engine.contracts import Prepared, Question


class DocumentAnswering:
    """Answers from the documents that search finds (`contracts.Answering`)."""

    def prepare(self, question: Question) -> Prepared:
        """Retrieve and build the prompt; blocking."""
        found = retrieve(question)
        messages = build_prompt(question, found.evidence.passages)
        return Prepared(messages, found.evidence, VerifyingReader(question.text, found.pinned))
