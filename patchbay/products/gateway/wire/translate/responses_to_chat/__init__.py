"""OpenAI's responses asked of a provider that speaks chat completions."""

from functools import partial

from patchbay.products.gateway.wire.contracts import Translation
from patchbay.products.gateway.wire.translate.responses_to_chat.answer import translate_answer
from patchbay.products.gateway.wire.translate.responses_to_chat.events import ResponsesEvents
from patchbay.products.gateway.wire.translate.responses_to_chat.request import translate_request

TRANSLATION = Translation(request=translate_request, answer=translate_answer, events=ResponsesEvents)
WITH_THOUGHT = Translation(
    request=partial(translate_request, keep_thought=True), answer=translate_answer, events=ResponsesEvents
)
"""The first half of the way to Anthropic, which wants its signed thought back; other servers would refuse it."""
