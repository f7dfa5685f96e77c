"""What all translations share: refusing what the other format cannot say, and pictures as data URLs."""

import re
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec

from patchbay.lib.errors import FieldError
from patchbay.products.gateway.wire.chat_content import read_content
from patchbay.products.gateway.wire.contracts import Body, UnsupportedError
from patchbay.products.gateway.wire.reading import invalid

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[^;,]*)*;base64,(.*)", re.DOTALL)
_OF_THOUGHT = ("type", "thinking", "signature", "data")
_objects: msgspec.json.Decoder[Body] = msgspec.json.Decoder(dict[str, Any])


def unsupported(field: str, message: str) -> UnsupportedError:
    """Return the refusal of a field that has no place in the other format."""
    return UnsupportedError(f"{field}: {message}", fields=(FieldError(field, message),))


def refuse_others(body: Body, known: Collection[str]) -> None:
    """Refuse any other field that says something; null, false, 0 and empty ask for nothing."""
    for name, value in body.items():
        if value and name not in known:
            raise unsupported(name, "The model behind this name has no place for it.")


def items(value: Any, field: str) -> list[Body]:
    """Return a list of objects; None is an empty one. InvalidError names what is not an object."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(field, "A list is needed.")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise invalid(f"{field}[{index}]", "An object is needed.")
    return value


def text_of(value: Any, field: str) -> str:
    """Return a text; InvalidError when it is none."""
    if not isinstance(value, str):
        raise invalid(field, "A text is needed.")
    return value


def object_of(value: Any, field: str) -> Body:
    """Return an object; InvalidError when it is none."""
    if not isinstance(value, dict):
        raise invalid(field, "An object is needed.")
    return value


def number_of(value: Any, field: str) -> float:
    """Return a number; InvalidError when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(field, "A number is needed.")
    return value


class Said(NamedTuple):
    """What a message of a chat, or a delta of one, says."""

    text: str
    refusal: str
    thought: str


def said_by(message: Body) -> Said:
    """Return what a chat's message or delta says, wherever its server puts what the model thought."""
    content = read_content(message.get("content"))
    thought = message.get("reasoning_content") or message.get("reasoning") or content.thought
    return Said(content.text, message.get("refusal") or "", thought)


def thoughts_of(blocks: list[Body]) -> list[Body]:
    """Return the thoughts of a message's `thinking_blocks` as Anthropic has them, without the index of a stream."""
    return [{name: block[name] for name in _OF_THOUGHT if name in block} for block in blocks]


def split_data_url(url: str) -> tuple[str, str] | None:
    """Return media type and base64 of a data URL, None for any other address."""
    match = _DATA_URL.fullmatch(url)
    return (match[1], match[2]) if match else None


def data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


def read_arguments(arguments: str, field: str) -> Body:
    """Return a tool call's arguments as an object; nothing at all means none."""
    if not arguments.strip():
        return {}
    try:
        return _objects.decode(arguments)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid(field, "The arguments of a tool call must be a JSON object.") from error


def write_arguments(arguments: Any) -> str:
    return msgspec.json.encode(arguments).decode()
