"""The input items of a responses request as the messages of a chat."""

from typing import Any

from patchbay.products.gateway.wire.contracts import Body
from patchbay.products.gateway.wire.reading import invalid
from patchbay.products.gateway.wire.translate.fields import items, text_of, unsupported
from patchbay.products.gateway.wire.translate.responses_to_chat.thought import unpack_thought

_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}


def translate_input(given: Any, *, keep_thought: bool) -> list[Body]:
    """Return the chat's messages; what one assistant turn thought, said and called becomes one message."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    messages: list[Body] = []
    for index, item in enumerate(items(given, "input")):
        field = f"input[{index}]"
        match item.get("type") or ("message" if "content" in item else "item_reference"):
            case "message":
                _add_message(messages, item, field)
            case "function_call":
                _assistant(messages).setdefault("tool_calls", []).append(_call(item, field))
            case "function_call_output":
                messages.append(_tool_message(item, field))
            case "reasoning":
                if keep_thought and (thought := unpack_thought(item)):
                    messages.append({"role": "assistant", "content": None, "thinking_blocks": thought})
            case "item_reference":
                raise unsupported(field, "The provider of this model stores no items: send the item itself.")
            case kind:
                raise unsupported(f"{field}.type", f"The model behind this name cannot read {kind} items.")
    if not messages:
        raise invalid("input", "There is nothing to answer.")
    return messages


def _assistant(messages: list[Body]) -> Body:
    """Return the assistant's message under way, or a new one."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    return messages[-1]


def _add_message(messages: list[Body], item: Body, field: str) -> None:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise invalid(f"{field}.role", "Roles are user, assistant, system and developer.")
    content = item.get("content")
    if role == "user":
        messages.append({"role": role, "content": _user_content(content, f"{field}.content")})
        return
    text = _text(content, f"{field}.content")
    if role == "system":
        messages.append({"role": role, "content": text})
        return
    last = _assistant(messages)
    if last["content"] is not None or "tool_calls" in last:
        messages.append({"role": "assistant", "content": text})
    else:
        last["content"] = text


def _user_content(content: Any, field: str) -> str | list[Body]:
    if isinstance(content, str):
        return content
    parts = [_part(part, f"{field}[{index}]") for index, part in enumerate(items(content, field))]
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return parts


def _part(part: Body, field: str) -> Body:
    kind = part.get("type")
    if kind in ("input_text", "output_text"):
        return {"type": "text", "text": text_of(part.get("text"), f"{field}.text")}
    if kind == "input_image" and part.get("image_url"):
        image = {"url": text_of(part["image_url"], f"{field}.image_url")}
        if part.get("detail") in ("low", "high"):
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    if kind == "input_file" and part.get("file_data"):
        file = {name: part[name] for name in ("filename", "file_data") if part.get(name)}
        return {"type": "file", "file": file}
    raise unsupported(field, f"The model behind this name cannot read this {kind}: send its data.")


def _text(content: Any, field: str) -> str:
    """Return the text of a message that can hold nothing else."""
    if isinstance(content, str):
        return content
    texts = []
    for index, part in enumerate(items(content, field)):
        kind = part.get("type")
        if kind not in ("input_text", "output_text", "refusal"):
            raise unsupported(f"{field}[{index}].type", "Only text can stand here for the model behind this name.")
        name = "refusal" if kind == "refusal" else "text"
        texts.append(text_of(part.get(name), f"{field}[{index}].{name}"))
    return "".join(texts)


def _call(item: Body, field: str) -> Body:
    function = {
        "name": text_of(item.get("name"), f"{field}.name"),
        "arguments": text_of(item.get("arguments"), f"{field}.arguments"),
    }
    return {"id": text_of(item.get("call_id"), f"{field}.call_id"), "type": "function", "function": function}


def _tool_message(item: Body, field: str) -> Body:
    call_id = text_of(item.get("call_id"), f"{field}.call_id")
    return {"role": "tool", "tool_call_id": call_id, "content": _text(item.get("output"), f"{field}.output")}
