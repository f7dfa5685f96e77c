"""What the built-in model writes."""

from dataclasses import replace

import pytest

from patchbay.products.gateway.contracts import OFFLINE_MODEL, Act, Caller
from patchbay.products.gateway.engine import registry
from patchbay.products.gateway.engine.contracts import Delta, Evidence, Finish, FinishReason, LocalRequest, Passage
from patchbay.products.gateway.providers.offline.answer import MIN_QUOTES, WHOLE_WORDS, choose_quote, write_answer
from patchbay.products.gateway.providers.offline.decision import load_model
from patchbay.products.gateway.providers.offline.features import DECISION, PAIR
from patchbay.products.gateway.providers.offline.provider import OfflineModel
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


def write(found: Evidence | None) -> str:
    return "".join(write_answer(found, None))


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
    text = "".join(write_answer(found, NeverAsked()))  # type: ignore[arg-type]
    assert text.startswith(f"answered\nThe documents say: [[1|{CLAUSES[0]}]]")


@pytest.mark.parametrize("found", [None, Evidence("What?", ()), evidence("the of and"), evidence("")])
def test_declines_without_passages_or_a_question(found: Evidence | None) -> None:
    assert write(found) == "declined\n"


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
        assert set(model.centre) == set(model.scale) == set(model.slopes) == set(DECISION)
        assert [len(model.slopes[name]) for name in DECISION] == [1 + len(DECISION[at:]) for at in range(len(DECISION))]
        assert 0 < model.uncertain_from <= model.answer_from < 1


def local(max_output_tokens: int = 1024, evidence: Evidence | None = None, **body: object) -> LocalRequest:
    caller, act = Caller("org_1", 60), Act("req_1", "gateway", "chat")
    return LocalRequest(caller, act, {"model": OFFLINE_MODEL} | body, max_output_tokens, engine=None, evidence=evidence)  # type: ignore[arg-type]


async def said(request: LocalRequest, reason: FinishReason = "stop") -> str:
    *deltas, finish = [event async for event in OfflineModel().stream(request)]
    assert finish == Finish(reason)
    return "".join(delta.text for delta in deltas if isinstance(delta, Delta))


async def test_as_a_local_model_it_streams_the_answer_and_counts_nothing_itself() -> None:
    text = await said(local(evidence=evidence("invoice paid days?")))
    assert text == write(evidence("invoice paid days?"))


def test_it_is_registered_under_its_name() -> None:
    assert isinstance(registry.local_model(OFFLINE_MODEL), OfflineModel)


async def test_alone_it_quotes_the_text_that_stands_before_the_question() -> None:
    content = "\n".join([*CLAUSES, "", "Within how many days shall the customer pay an undisputed invoice?"])
    text = await said(local(messages=[{"role": "user", "content": content}]))
    assert CLAUSES[0] in text
    assert "kitchen" not in text


async def test_alone_it_says_when_the_text_does_not_say_it() -> None:
    messages = [{"role": "system", "content": " ".join(CLAUSES)}, {"role": "user", "content": "Who won the match?"}]
    assert (await said(local(messages=messages))).startswith("The text that you gave me does not say that.")


@pytest.mark.parametrize("content", ["Hello!", "", None, 7, [], [{"type": "image_url"}]])
async def test_alone_and_without_a_text_it_says_what_it_is(content: object) -> None:
    assert "built-in model" in await said(local(messages=[{"role": "user", "content": content}]))


async def test_alone_it_keeps_to_the_output_limit() -> None:
    text = await said(local(max_output_tokens=5, messages=[{"role": "user", "content": "Hello"}]), "length")
    assert 0 < len(text.encode()) <= 20


@pytest.mark.parametrize(
    ("tokens", "quotes", "reason"), [(1, 0, "length"), (35, 1, "length"), (1024, MIN_QUOTES, "stop")]
)
async def test_with_evidence_it_keeps_to_the_limit_in_whole_quotes(
    tokens: int, quotes: int, reason: FinishReason
) -> None:
    found = evidence("Within how many days shall the customer pay an undisputed invoice?")
    text = await said(local(tokens, found), reason)
    assert text.startswith("answered\n")
    assert text.count("[[") == text.count("]]") == quotes
    assert not quotes or len(text.encode()) <= 4 * tokens
