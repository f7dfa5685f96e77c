"""The turns of Anthropic's messages as the messages of a chat."""

from typing import Any

from patchbay.products.gateway.wire.contracts import Body
from patchbay.products.gateway.wire.reading import invalid
from patchbay.products.gateway.wire.translate.fields import (
    data_url,
    items,
    object_of,
    text_of,
    unsupported,
    write_arguments,
)

_BETWEEN_TEXTS = "\n\n"
_THOUGHTS = ("thinking", "redacted_thinking")


def translate_turns(turns: list[Body]) -> list[Body]:
    """Return the chat's messages; InvalidError when there is none."""
    messages: list[Body] = []
    for index, turn in enumerate(turns):
        field = f"messages[{index}]"
        role, content = turn.get("role"), turn.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else items(content, f"{field}.content")
        if role == "user":
            messages += _user_messages(blocks, f"{field}.content")
        elif role == "assistant":
            messages += _assistant_messages(blocks, f"{field}.content")
        elif role == "system":
            messages.append({"role": "system", "content": join_texts(content, f"{field}.content")})
        else:
            raise invalid(f"{field}.role", "Roles are user and assistant.")
    if not messages:
        raise invalid("messages", "At least one message is needed.")
    return messages


def join_texts(content: Any, field: str) -> str:
    """Return a text, or the texts of blocks, as one."""
    if content is None or isinstance(content, str):
        return content or ""
    blocks = items(content, field)
    for index, block in enumerate(blocks):
        if block.get("type") != "text":
            raise unsupported(f"{field}[{index}].type", "Only text can stand here for the model behind this name.")
    texts = [text_of(block.get("text"), f"{field}[{index}].text") for index, block in enumerate(blocks)]
    return _BETWEEN_TEXTS.join(texts)


def _user_messages(blocks: list[Body], field: str) -> list[Body]:
    """Return the tool messages, which must follow the calls at once, then what else the user says."""
    tools: list[Body] = []
    parts: list[Body] = []
    for index, block in enumerate(blocks):
        where = f"{field}[{index}]"
        if block.get("type") == "tool_result":
            message, pictures = _tool_message(block, where)
            tools.append(message)
            parts += pictures
        else:
            parts.append(_part(block, where))
    if not parts:
        return tools
    only_text = len(parts) == 1 and parts[0]["type"] == "text"
    return [*tools, {"role": "user", "content": parts[0]["text"] if only_text else parts}]


def _tool_message(block: Body, field: str) -> tuple[Body, list[Body]]:
    content, pictures = block.get("content"), []
    if isinstance(content, list):
        inner = items(content, f"{field}.content")
        pictures = [
            _part(part, f"{field}.content[{index}]") for index, part in enumerate(inner) if part.get("type") == "image"
        ]
        content = [part for part in inner if part.get("type") != "image"]
    tool_id = text_of(block.get("tool_use_id"), f"{field}.tool_use_id")
    text = join_texts(content, f"{field}.content")
    if pictures:
        pictures.insert(0, {"type": "text", "text": f"Pictures that the tool call {tool_id} returned:"})
    return {"role": "tool", "tool_call_id": tool_id, "content": text}, pictures


def _part(block: Body, field: str) -> Body:
    kind = block.get("type")
    if kind == "text":
        return {"type": "text", "text": text_of(block.get("text"), f"{field}.text")}
    source = object_of(block.get("source"), f"{field}.source") if kind in ("image", "document") else {}
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": _address(source, f"{field}.source")}}
    if kind == "document" and source.get("type") == "text":
        return {"type": "text", "text": text_of(source.get("data"), f"{field}.source.data")}
    if kind == "document" and source.get("type") == "base64":
        name = block.get("title") or "document.pdf"
        return {"type": "file", "file": {"filename": name, "file_data": _address(source, f"{field}.source")}}
    raise unsupported(f"{field}.type", f"The model behind this name cannot read this {kind} block.")


def _address(source: Body, field: str) -> str:
    if source.get("type") == "base64":
        media_type = text_of(source.get("media_type"), f"{field}.media_type")
        return data_url(media_type, text_of(source.get("data"), f"{field}.data"))
    if source.get("type") == "url":
        return text_of(source.get("url"), f"{field}.url")
    raise unsupported(f"{field}.type", "The model behind this name takes pictures by address or as base64.")


def _assistant_messages(blocks: list[Body], field: str) -> list[Body]:
    texts: list[str] = []
    calls: list[Body] = []
    for index, block in enumerate(blocks):
        where = f"{field}[{index}]"
        kind = block.get("type")
        if kind == "text":
            texts.append(text_of(block.get("text"), f"{where}.text"))
        elif kind == "tool_use":
            calls.append(_call(block, where))
        elif kind not in _THOUGHTS:
            raise unsupported(f"{where}.type", f"The model behind this name cannot read {kind} blocks.")
    if not texts and not calls:
        return []
    message: Body = {"role": "assistant", "content": "".join(texts) if texts else None}
    if calls:
        message["tool_calls"] = calls
    return [message]


def _call(block: Body, field: str) -> Body:
    arguments = write_arguments(object_of(block.get("input") or {}, f"{field}.input"))
    function = {"name": text_of(block.get("name"), f"{field}.name"), "arguments": arguments}
    return {"id": text_of(block.get("id"), f"{field}.id"), "type": "function", "function": function}
