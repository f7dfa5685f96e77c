"""JSON whose every text can be kept: what is wrong with a body is said with the field in which it is wrong."""

import json
from collections.abc import Iterator
from typing import Any

from patchbay.lib.errors import AppError, BadRequestError, FieldError, InvalidError

NUL_FAULT = "It holds a NUL character, which no text here may have."
_NEXT_STEP = "Encode the body as JSON in UTF-8, with a library rather than by hand."


def load_json(body: bytes) -> Any:
    """Return the value; BadRequestError for what is no JSON, InvalidError for a text that is no text (`fault_of`)."""
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise fault_of(body, error) from None
    if fault := _unkept(value):
        raise fault
    return value


def fault_of(body: bytes, error: Exception) -> AppError:
    """Return why a body that a decoder refused with `error` cannot be read, naming the field where one is at fault."""
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        where = f"at byte {broken.start} of the body"
        field = FieldError(_broken_field(body) or "body", f"Its bytes are not UTF-8 {where}.")
        return BadRequestError("The body is not UTF-8.", next_step=_NEXT_STEP, fields=(field,))
    try:
        fault = _unkept(json.loads(body))
    except (ValueError, RecursionError):
        fault = None
    return fault or BadRequestError(f"The body is not valid JSON: {error}.", next_step=_NEXT_STEP)


def _unkept(value: Any) -> InvalidError | None:
    """Return the refusal of the first text that cannot be kept."""
    for path, text in _texts(value):
        if fault := _fault(text):
            return InvalidError("Some of the body is not text.", fields=(FieldError(path, fault),))
    return None


def _broken_field(body: bytes) -> str | None:
    """Return which field holds the bytes that are not UTF-8, if the rest is JSON."""
    try:
        value = json.loads(body.decode(errors="surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return next((path for path, text in _texts(value) if _has_surrogate(text)), None)


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text in a JSON value, names included, with the dotted path of its place."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, str):
            yield path or "body", part
        elif isinstance(part, dict):
            for name in part:
                yield path or "body", name
            waiting += [(f"{path}.{name}".lstrip("."), child) for name, child in reversed(part.items())]
        elif isinstance(part, list):
            waiting += [(f"{path}[{index}]", child) for index, child in reversed(list(enumerate(part)))]


def _fault(text: str) -> str | None:
    if _has_surrogate(text):
        return "It holds one half of a surrogate pair (`\\ud800` to `\\udfff`), which is no character."
    if "\0" in text:  # PostgreSQL keeps no such text
        return NUL_FAULT
    return None


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
