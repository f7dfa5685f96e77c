"""Write an answer out of quotes, in the protocol that every model of a plug writes (`plugs.engine.answering`)."""

from collections.abc import Iterator

from patchbay.kernel.search.contracts import WordEmbedder
from patchbay.lib.words import content_words
from patchbay.products.gateway.engine.contracts import Evidence, Passage
from patchbay.products.gateway.providers.offline.decision import load_model, take_likely
from patchbay.products.gateway.providers.offline.features import decision_features, judge
from patchbay.products.gateway.providers.offline.kinds import looks_like
from patchbay.products.gateway.providers.offline.question import Asked, take_apart

FRAME = "The documents say:"
MIN_QUOTES = 3
"""Even a clear winner is quoted with the next ones: it is one in ten times the wrong one."""
MAX_NEAREST = 3
WHOLE_WORDS = 90
"""A clause of no more words is quoted whole; of a longer one the sentences around its best one."""
WINDOW_WORDS = 60


def write_answer(evidence: Evidence | None, embedder: WordEmbedder | None) -> Iterator[str]:
    """Yield the answer piece by piece: what opens it, then whole quotes."""
    if evidence is None or not evidence.passages:
        yield "declined\n"
        return
    asked = take_apart(evidence.question, evidence.units, evidence.word_counts)
    if not asked.weights:
        yield "declined\n"
        return
    # While some lack their vector, all are judged by their words: else a document would answer from its first half.
    has_vectors = embedder is not None and all(passage.cosine is not None for passage in evidence.passages)
    model = load_model("semantic" if has_vectors else "lexical")
    ranked = model.rank(judge(asked, evidence.passages, embedder if has_vectors else None))
    outcome = model.decide(decision_features(asked, ranked))
    yield f"{outcome}\n" + (f"{FRAME} " if outcome == "answered" else "")
    count = {"answered": max(MIN_QUOTES, len(take_likely(ranked))), "uncertain": MAX_NEAREST, "declined": 0}[outcome]
    for each in ranked[:count]:
        yield f"[[{each.passage.number}|{choose_quote(asked, each.passage)}]]\n\n"


def choose_quote(asked: Asked, passage: Passage) -> str:
    """Return what of a passage to quote: a short one whole, else its best sentence and the next ones that fit."""
    if len(passage.text.split()) <= WHOLE_WORDS or len(passage.spans) < 2:
        return passage.text
    scores = [_score(asked, passage.text[start:end]) for start, end in passage.spans]
    first = last = scores.index(max(scores))
    while True:
        after = last + 1 if last + 1 < len(scores) else None
        before = first - 1 if first else None
        place = max((p for p in (after, before) if p is not None), key=lambda p: scores[p], default=None)
        if place is None:
            break
        low, high = min(first, place), max(last, place)
        if len(passage.text[passage.spans[low][0] : passage.spans[high][1]].split()) > WINDOW_WORDS:
            break
        first, last = low, high
    return passage.text[passage.spans[first][0] : passage.spans[last][1]]


def _score(asked: Asked, sentence: str) -> float:
    words = set(content_words(sentence))
    covered = sum(weight for word, weight in asked.weights.items() if word in words) / asked.total
    return covered + 0.25 * sum(looks_like(kind, sentence) for kind in asked.kinds) / max(len(asked.kinds), 1)
