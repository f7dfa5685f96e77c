"""The messages of a chat as the turns of Anthropic's: roles alternate, and what tools returned belongs to the user."""

import re
from typing import Any

from patchbay.products.gateway.wire.contracts import Body
from patchbay.products.gateway.wire.reading import invalid
from patchbay.products.gateway.wire.translate.fields import (
    items,
    object_of,
    read_arguments,
    split_data_url,
    text_of,
    thoughts_of,
    unsupported,
)

_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def translate_messages(messages: list[Body]) -> tuple[list[Body], list[Body]]:
    """Return the system's text blocks and the turns."""
    system: list[Body] = []
    turns: list[Body] = []
    for index, message in enumerate(messages):
        field = f"messages[{index}]"
        role = message.get("role")
        if role in ("system", "developer"):
            system += _blocks(message.get("content"), f"{field}.content")
        elif role == "user":
            _add(turns, "user", _blocks(message.get("content"), f"{field}.content"))
        elif role == "assistant":
            _add(turns, "assistant", _assistant_blocks(message, field))
        elif role == "tool":
            _add(turns, "user", [_tool_result(message, field)])
        else:
            raise unsupported(f"{field}.role", "Roles are system, developer, user, assistant and tool.")
    if not turns:
        raise invalid("messages", "At least one message of a user is needed.")
    for turn in turns:
        turn["content"] = _shortest(turn["content"])
    return system, turns


def _add(turns: list[Body], role: str, blocks: list[Body]) -> None:
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    elif blocks:
        turns.append({"role": role, "content": list(blocks)})


def _shortest(blocks: list[Body]) -> str | list[Body]:
    if len(blocks) == 1 and blocks[0]["type"] == "text" and len(blocks[0]) == 2:
        text: str = blocks[0]["text"]
        return text
    return blocks


def _assistant_blocks(message: Body, field: str) -> list[Body]:
    if message.get("audio") or message.get("function_call"):
        raise unsupported(field, "Sound and function_call have no place in the model behind this name.")
    blocks = thoughts_of(items(message.get("thinking_blocks"), f"{field}.thinking_blocks"))
    blocks += _blocks(message.get("content"), f"{field}.content")
    if refusal := message.get("refusal"):
        blocks.append({"type": "text", "text": text_of(refusal, f"{field}.refusal")})
    calls = items(message.get("tool_calls"), f"{field}.tool_calls")
    return blocks + [_tool_use(call, f"{field}.tool_calls[{index}]") for index, call in enumerate(calls)]


def _tool_use(call: Body, field: str) -> Body:
    if call.get("type", "function") != "function":
        raise unsupported(f"{field}.type", "Only functions are tools for the model behind this name.")
    function = object_of(call.get("function"), f"{field}.function")
    arguments = function.get("arguments") or ""
    return {
        "type": "tool_use",
        "id": _tool_id(call.get("id"), f"{field}.id"),
        "name": text_of(function.get("name"), f"{field}.function.name"),
        "input": read_arguments(text_of(arguments, f"{field}.function.arguments"), f"{field}.function.arguments"),
    }


def _tool_result(message: Body, field: str) -> Body:
    content = _shortest(_blocks(message.get("content"), f"{field}.content"))
    result: Body = {
        "type": "tool_result",
        "tool_use_id": _tool_id(message.get("tool_call_id"), f"{field}.tool_call_id"),
    }
    if content:
        result["content"] = content
    return result


def _tool_id(value: Any, field: str) -> str:
    """Anthropic takes letters, digits, `_` and `-` only; other servers' ids know more."""
    return _NOT_IN_ID.sub("_", text_of(value, field))


def _blocks(content: Any, field: str) -> list[Body]:
    """Return content as blocks without what Anthropic refuses: empty texts, and thoughts that it did not sign."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    parts = [(index, part) for index, part in enumerate(items(content, field)) if part.get("type") != "thinking"]
    blocks = [_block(part, f"{field}[{index}]") for index, part in parts]
    return [block for block in blocks if block.get("text") != ""]


def _block(part: Body, field: str) -> Body:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        block: Body = {"type": "text", "text": text_of(part.get(kind), f"{field}.{kind}")}
    elif kind == "image_url":
        block = {"type": "image", "source": _image_source(part.get("image_url"), f"{field}.image_url")}
    elif kind == "file":
        block = _document(object_of(part.get("file"), f"{field}.file"), f"{field}.file")
    else:
        raise unsupported(f"{field}.type", f"The model behind this name cannot read parts of type {kind}.")
    if cache := part.get("cache_control"):
        block["cache_control"] = cache
    return block


def _image_source(image: Any, field: str) -> Body:
    url = text_of(object_of(image, field).get("url"), f"{field}.url")
    if data := split_data_url(url):
        return {"type": "base64", "media_type": data[0], "data": data[1]}
    if url.startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    raise invalid(f"{field}.url", "A picture is an https address or a base64 data URL.")


def _document(file: Body, field: str) -> Body:
    data = split_data_url(text_of(file.get("file_data") or "", f"{field}.file_data"))
    if data is None:
        raise unsupported(field, "The model behind this name takes files only as base64 data URLs in file_data.")
    block: Body = {"type": "document", "source": {"type": "base64", "media_type": data[0], "data": data[1]}}
    if name := file.get("filename"):
        block["title"] = name
    return block
