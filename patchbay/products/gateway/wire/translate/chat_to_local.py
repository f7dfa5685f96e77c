"""A chat completions request to a model of this process: a plug, or the built-in model, which quote and write text.

They speak chat, so nothing is translated; what would change the answer and they cannot do is refused, as it is for a
provider of another format. Hints (sampling, seeds, effort, tools that need not be called) are left out.
"""

from typing import Any

from patchbay.products.gateway.wire.contracts import Body, Format
from patchbay.products.gateway.wire.translate.fields import items, number_of, unsupported

_NUMBERS = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed")
_TEXT_FORMATS = (None, {"type": "text"})
_FREE_CHOICES = (None, "auto", "none")
_CLIENTS_NAMES: dict[Format, dict[str, str]] = {
    "messages": {"stop": "stop_sequences", "response_format": "output_config.format"},
    "responses": {"response_format": "text.format", "messages": "input"},
}
"""Fields as the client calls them whose format was translated into chat."""


def require_plain(body: Body, asked: Format) -> None:
    """Raise UnsupportedError, with the field's name in the format `asked`, for what such a model cannot do.

    InvalidError for a value of the wrong type.
    """
    names = _CLIENTS_NAMES.get(asked, {})
    for name in _NUMBERS:
        if (value := body.get(name)) is not None:
            number_of(value, name)
    for name, fault in _faults(body):
        raise unsupported(names.get(name, name), fault)
    for number, message in enumerate(items(body.get("messages"), "messages")):
        if (part := _first_that_is_no_text(message.get("content"))) is not None:
            # The turns of a translated request are not those that its client numbered.
            field = f"messages[{number}].content[{part}]" if asked == "chat" else names.get("messages", "messages")
            raise unsupported(field, "The model behind this name reads text alone.")


def _faults(body: Body) -> list[tuple[str, str]]:
    wanted = (
        ("n", body.get("n") in (None, 1), "The model behind this name gives one answer at a time."),
        ("stop", not body.get("stop"), "The model behind this name ends by itself: it quotes whole passages."),
        ("logprobs", not body.get("logprobs"), "The model behind this name gives no logprobs."),
        ("response_format", body.get("response_format") in _TEXT_FORMATS, "The model behind this name writes text."),
        ("modalities", body.get("modalities") in (None, [], ["text"]), "The model behind this name answers in text."),
        ("tool_choice", body.get("tool_choice") in _FREE_CHOICES, "The model behind this name calls no tools."),
        ("function_call", body.get("function_call") in _FREE_CHOICES, "The model behind this name calls no functions."),
    )
    return [(name, fault) for name, is_plain, fault in wanted if not is_plain]


def _first_that_is_no_text(content: Any) -> int | None:
    if content is None or isinstance(content, str):
        return None
    parts = items(content, "messages")
    return next((number for number, part in enumerate(parts) if part.get("type") not in ("text", "refusal")), None)
