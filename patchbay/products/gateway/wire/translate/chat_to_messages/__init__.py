"""Chat completions asked of a provider that speaks Anthropic's messages."""

from patchbay.products.gateway.wire.contracts import Translation
from patchbay.products.gateway.wire.translate.chat_to_messages.answer import translate_answer
from patchbay.products.gateway.wire.translate.chat_to_messages.events import ChatEvents
from patchbay.products.gateway.wire.translate.chat_to_messages.request import translate_request

TRANSLATION = Translation(request=translate_request, answer=translate_answer, events=ChatEvents)
