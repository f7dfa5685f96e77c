"""Anthropic's messages asked of a provider that speaks chat completions."""

from patchbay.products.gateway.wire.contracts import Translation
from patchbay.products.gateway.wire.translate.messages_to_chat.answer import translate_answer
from patchbay.products.gateway.wire.translate.messages_to_chat.events import MessagesEvents
from patchbay.products.gateway.wire.translate.messages_to_chat.request import translate_request

TRANSLATION = Translation(request=translate_request, answer=translate_answer, events=MessagesEvents)
