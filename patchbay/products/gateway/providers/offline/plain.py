"""The built-in model on its own, as `patchbay/offline`: it quotes the text that stands in the request itself."""

import re
from typing import Any

from patchbay.lib.words import STOP_WORDS, content_words, find_words, stem
from patchbay.products.gateway.engine.contracts import Evidence, Passage
from patchbay.products.gateway.providers.offline.answer import write_answer

MAX_TEXT = 200_000
MAX_PASSAGES = 400
_SENTENCE = re.compile(r"[^\n]+?(?:[.!?](?=\s)|$)", re.MULTILINE)
_SOURCE = re.compile(r"\[\[\d+\|(.*?)\]\]", re.DOTALL)

INTRODUCTION = (
    "I am Patchbay's built-in model. I need no network and invent nothing: I answer by quoting text that I am given. "
    "Put a text before your question, or ask a plug (model plug/<slug>) about its documents. For a model that writes "
    "freely, whoever runs this Patchbay can add a provider: patchbay provider add --help."
)
NOT_THERE = "The text that you gave me does not say that. I am Patchbay's built-in model and only quote."
OPENING = "Your text says:"


def write_plain(body: dict[str, Any]) -> str:
    """Return an answer to the last question of a chat body, in quotes of its other text."""
    text, question = take_apart(body)
    passages = _passages(text)
    if not passages:
        return INTRODUCTION
    held = {each.number: {*content_words(each.text)} for each in passages}
    asked = {*content_words(question)}
    shared = {number: len(asked & words) for number, words in held.items()}
    counts = {
        word: sum(stem(word) in words for words in held.values())
        for word in find_words(question)
        if word not in STOP_WORDS
    }
    near = [each for each in passages if 2 * shared[each.number] > max(shared.values())]
    evidence = Evidence(question, tuple(sorted(near, key=lambda each: -shared[each.number])), len(passages), counts)
    written = "".join(write_answer(evidence, None))
    quotes = _SOURCE.findall(written) if written.startswith("answered") else []
    return "\n\n".join([OPENING, *quotes]) if quotes else NOT_THERE


def take_apart(body: dict[str, Any]) -> tuple[str, str]:
    """Return all text of a chat body before its question, and the question: the last line of the last user's turn."""
    turns = [(message.get("role"), _text(message.get("content"))) for message in body.get("messages", ())]
    asked = next((text for role, text in reversed(turns) if role == "user"), "").strip()
    before, _, question = asked.rpartition("\n")
    text = "\n".join([text for role, text in turns if role in ("system", "developer", "user") and text != asked])
    return f"{text}\n{before}"[:MAX_TEXT], question


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _passages(text: str) -> list[Passage]:
    sentences = [match.group().strip() for match in _SENTENCE.finditer(text)]
    kept = [sentence for sentence in sentences if len(sentence.split()) > 2][:MAX_PASSAGES]
    return [Passage(number, sentence, "") for number, sentence in enumerate(kept, 1)]
