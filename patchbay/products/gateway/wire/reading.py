"""Decoding what came from outside, so that every fault becomes the right error: ours to the client, or the model's."""

import re
from typing import Any, TypeVar

import msgspec

from patchbay.lib.errors import BadRequestError, FieldError, InvalidError
from patchbay.products.gateway.errors import ModelBrokenError
from patchbay.products.gateway.wire.contracts import Body

T = TypeVar("T")
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for what is no JSON, or not the JSON that it wants."""
_MISSING = re.compile(r"missing required field `([^`]+)`")
_PATH = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")

RawBody = dict[str, msgspec.Raw]
raw_bodies = msgspec.json.Decoder(RawBody)
_bodies: msgspec.json.Decoder[Body] = msgspec.json.Decoder(dict[str, Any])


def decode_request(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode a client's body; InvalidError names the field that is wrong, BadRequestError says that it is no JSON."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except UNREADABLE as error:
        raise BadRequestError(f"The body is not valid JSON: {error}.") from error


def decode_answer(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode a provider's answer or event; ModelBrokenError when it is not what its format says."""
    try:
        return decoder.decode(body)
    except UNREADABLE as error:
        raise ModelBrokenError("The model provider sent an answer that cannot be read.") from error


def read_body(body: bytes) -> Body:
    """Return a client's body as plain objects, for translation."""
    return decode_request(_bodies, body)


def read_answer_body(body: bytes) -> Body:
    """Return a provider's answer, or an event's data, as plain objects, for translation."""
    return decode_answer(_bodies, body)


def invalid(field: str, message: str) -> InvalidError:
    """Return the refusal of one field."""
    return InvalidError(f"{field}: {message}", fields=(FieldError(field, message),))


def may_ask_for_an_hour(body: bytes) -> bool:
    """Whether `"1h"`, Anthropic's word for a cache of an hour, may stand somewhere in a body, however it is written."""
    return b'"1h"' in body or b"\\u0031" in body or b"\\u0068" in body


def text_bytes(text: Any) -> int:
    """Return the UTF-8 bytes of a text; of anything else that a server put in its place, the bytes as JSON."""
    if isinstance(text, str):
        return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return len(msgspec.json.encode(text)) if text else 0


def _invalid(text: str) -> InvalidError:
    """Turn a decoder's message (`Expected `int`, got `str` - at `$.n``) into the refusal of the field it names."""
    path = _PATH.search(text)
    where = path[1] if path else ""
    message = text[: path.start()] if path else text
    if missing := _MISSING.search(message):
        where = f"{where}.{missing[1]}" if where else missing[1]
        message = "This field is required"
    message = f"{message}."
    return invalid(where, message) if where else InvalidError(message)
