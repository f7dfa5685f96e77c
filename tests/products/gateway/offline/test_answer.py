"""What the built-in model writes."""

from dataclasses import replace

import pytest

from patchbay.products.gateway.engine.contracts import ChatRequest, Delta, Evidence, Finish, Message, Passage
from patchbay.products.gateway.engine.registry import OFFLINE_MODEL, resolve
from patchbay.products.gateway.providers.offline.answer import WHOLE_WORDS, choose_quote, write_answer
from patchbay.products.gateway.providers.offline.decision import load_model
from patchbay.products.gateway.providers.offline.features import DECISION, PAIR
from patchbay.products.gateway.providers.offline.provider import OfflineProvider
from patchbay.products.gateway.providers.offline.question import take_apart

CLAUSES = (
    "The Customer shall pay each undisputed invoice within thirty (30) days of receiving it.",
    "The Supplier keeps the kitchen clean and empties the bins.",
    "Notices are sent by post to the registered office.",
)
PASSAGES = tuple(
    Passage(number, text, "Agreement", bm25=8.0 / number, bm25_rank=number, score=1 / number, context=text)
    for number, text in enumerate(CLAUSES, 1)
)
COUNTS = {"invoice": 1, "paid": 1, "days": 1, "many": 0, "customer": 1, "pay": 1, "undisputed": 1}


def evidence(question: str, passages: tuple[Passage, ...] = PASSAGES, counts: dict[str, int] = COUNTS) -> Evidence:
    return Evidence(question, passages, 40, counts)


def write(found: Evidence | None, max_bytes: int = 4096) -> str:
    return "".join(write_answer(found, None, max_bytes))


def test_quotes_the_passage_that_answers_first() -> None:
    text = write(evidence("Within how many days shall the customer pay an undisputed invoice?"))
    assert text.startswith(f"answered\nThe documents say: [[1|{CLAUSES[0]}]]")


def test_claims_nothing_when_the_documents_speak_of_other_things() -> None:
    unknown = {"species": 0, "fish": 0, "swims": 0, "aquarium": 0}
    text = write(evidence("Which species of fish swims in the aquarium?", counts=unknown))
    assert text.partition("\n")[0] in ("uncertain", "declined")
    assert "The documents say" not in text


def test_while_some_passages_lack_their_vector_all_are_judged_by_their_words() -> None:
    class NeverAsked:
        def __getattr__(self, name: str) -> None:
            raise AssertionError(name)

    half = (PASSAGES[0], *(replace(passage, cosine=0.6) for passage in PASSAGES[1:]))
    found = evidence("Within how many days shall the customer pay an undisputed invoice?", half)
    text = "".join(write_answer(found, NeverAsked(), 4096))  # type: ignore[arg-type]
    assert text.startswith(f"answered\nThe documents say: [[1|{CLAUSES[0]}]]")


@pytest.mark.parametrize("found", [None, Evidence("What?", ()), evidence("the of and"), evidence("")])
def test_declines_without_passages_or_a_question(found: Evidence | None) -> None:
    assert write(found) == "declined\n"


def test_an_answer_stays_within_its_bytes_in_whole_quotes() -> None:
    text = write(evidence("Within how many days shall the customer pay an undisputed invoice?"), max_bytes=140)
    assert len(text.encode()) <= 140
    assert text.count("[[") == text.count("]]") == 1


def test_of_a_long_passage_the_sentences_around_the_best_one_are_quoted() -> None:
    sentences = [
        f"Sentence {number} speaks of nothing that anybody here would ask about today." for number in range(12)
    ]
    sentences[7] = "The escrow fee is £900 a year."
    text = " ".join(sentences)
    spans = tuple((text.index(sentence), text.index(sentence) + len(sentence)) for sentence in sentences)
    passage = Passage(1, text, "T", spans=spans)
    quote = choose_quote(take_apart("What is the escrow fee?", 0, {}), passage)
    assert sentences[7] in quote
    assert quote in text
    assert len(quote.split()) < WHOLE_WORDS


def test_the_coefficients_fit_the_features() -> None:
    for kind in ("semantic", "lexical"):
        model = load_model(kind)  # type: ignore[arg-type]
        assert set(model.pair) == set(PAIR)
        assert set(model.decision) == set(DECISION)
        assert 0 < model.uncertain_from <= model.answer_from < 1


async def test_the_provider_streams_and_ends_once() -> None:
    provider = OfflineProvider()
    request = ChatRequest(OFFLINE_MODEL, (Message("user", "x" * 9),), 1024, evidence=evidence("invoice paid days?"))
    events = [event async for event in provider.stream(request)]
    assert all(isinstance(event, Delta) for event in events[:-1])
    assert events[-1] == Finish("stop")
    assert provider.prompt_bound(request) == 3


def test_the_offline_model_is_registered() -> None:
    assert isinstance(resolve(OFFLINE_MODEL), OfflineProvider)
