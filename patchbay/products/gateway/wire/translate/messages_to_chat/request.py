"""A messages request as a chat completions request.

| messages | chat |
| --- | --- |
| `system` | one system message, its blocks joined by an empty line |
| `text`, `image`, `document` (text, base64) | text, `image_url`, `file` parts |
| `tool_result` | a tool message, before what else the user says; a picture in it follows as the user's, since a tool
  message holds text only; `is_error` has no place, the text says it |
| `tool_use` | `tool_calls` |
| `thinking` blocks of earlier turns | left out: OpenAI refuses fields that it does not know in a message |
| `max_tokens` | `max_completion_tokens` (the target says which name its server takes) |
| `stop_sequences`, `temperature`, `top_p` | `stop`, the same |
| `tools`, `tool_choice`, `disable_parallel_tool_use` | `tools`, `tool_choice`, `parallel_tool_calls` |
| `output_config.format` | `response_format`, strict where the schema is what OpenAI's strict mode takes |
| `output_config.effort`, `thinking.budget_tokens` | `reasoning_effort` |
| `metadata.user_id` | `user`, when OpenAI's 64 characters hold it |
| `stream` | `stream` with its usage event, from which Anthropic's counts are made |

Left out, because no answer is worse for it: `cache_control`, `service_tier`, `speed`, `diagnostics`,
`context_management`. Refused: `top_k`, tools and blocks of the provider's own, and any field that is not known here.
"""

from typing import Any

from patchbay.products.gateway.wire.contracts import Body
from patchbay.products.gateway.wire.reading import invalid
from patchbay.products.gateway.wire.translate.fields import (
    items,
    number_of,
    object_of,
    refuse_others,
    text_of,
    unsupported,
)
from patchbay.products.gateway.wire.translate.messages_to_chat.turns import join_texts, translate_turns

MAX_USER_CHARS = 64
LOW_BUDGET, MEDIUM_BUDGET = 2048, 8192
"""A thinking budget up to these many tokens is low, medium effort; above it is high."""
_SAME = ("temperature", "top_p")
_DROPPED = frozenset({"cache_control", "service_tier", "speed", "diagnostics", "context_management"})
_TAKEN = frozenset(
    {
        "model",
        "max_tokens",
        "messages",
        "system",
        "stream",
        "stop_sequences",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "metadata",
        *_SAME,
    }
)
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def translate_request(body: Body) -> Body:
    """Return the chat request; UnsupportedError names what it cannot say, InvalidError what is wrong."""
    refuse_others(body, _TAKEN | _DROPPED)
    if not body.get("max_tokens"):
        raise unsupported("max_tokens", "The model behind this name writes at least one token.")
    messages = translate_turns(items(body.get("messages"), "messages"))
    if system := join_texts(body.get("system"), "system"):
        messages.insert(0, {"role": "system", "content": system})
    asked: Body = {"model": body.get("model"), "messages": messages, "max_completion_tokens": body["max_tokens"]}
    if body.get("stream"):
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    if stop := body.get("stop_sequences"):
        asked["stop"] = stop
    for name in _SAME:
        if body.get(name) is not None:
            asked[name] = number_of(body[name], name)
    _set_user(body.get("metadata"), asked)
    _set_tools(body, asked)
    _set_output(body, asked)
    return asked


def _set_user(metadata: Any, asked: Body) -> None:
    if metadata is None:
        return
    user = object_of(metadata, "metadata").get("user_id")
    if isinstance(user, str) and 0 < len(user) <= MAX_USER_CHARS:
        asked["user"] = user


def _set_tools(body: Body, asked: Body) -> None:
    tools = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(items(body.get("tools"), "tools"))]
    if not tools:
        return
    asked["tools"] = tools
    if body.get("tool_choice") is None:
        return
    choice = object_of(body["tool_choice"], "tool_choice")
    if choice.get("type") == "tool":
        name = text_of(choice.get("name"), "tool_choice.name")
        asked["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif (kind := str(choice.get("type"))) in _CHOICES:
        asked["tool_choice"] = _CHOICES[kind]
    else:
        raise invalid("tool_choice.type", "It is auto, any, tool or none.")
    if choice.get("disable_parallel_tool_use"):
        asked["parallel_tool_calls"] = False


def _tool(tool: Body, field: str) -> Body:
    if tool.get("type") not in (None, "custom"):
        raise unsupported(
            f"{field}.type", "Only tools of the client's own can be used with the model behind this name."
        )
    function: Body = {
        "name": text_of(tool.get("name"), f"{field}.name"),
        "parameters": object_of(tool.get("input_schema"), f"{field}.input_schema"),
    }
    if description := tool.get("description"):
        function["description"] = description
    if tool.get("strict"):
        function["strict"] = True
    return {"type": "function", "function": function}


def _set_output(body: Body, asked: Body) -> None:
    config = object_of(body.get("output_config") or {}, "output_config")
    if config.get("format"):
        described = object_of(config["format"], "output_config.format")
        schema = object_of(described.get("schema"), "output_config.format.schema")
        named = {"name": "answer", "schema": schema, "strict": is_strict(schema)}
        asked["response_format"] = {"type": "json_schema", "json_schema": named}
    thinking = object_of(body.get("thinking") or {}, "thinking")
    if config.get("effort"):
        asked["reasoning_effort"] = config["effort"]
    elif thinking.get("type") == "enabled":
        asked["reasoning_effort"] = _effort(number_of(thinking.get("budget_tokens"), "thinking.budget_tokens"))


def _effort(budget: float) -> str:
    return "low" if budget <= LOW_BUDGET else "medium" if budget <= MEDIUM_BUDGET else "high"


def is_strict(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes a schema: its objects are closed and demand each of their properties."""
    if isinstance(schema, list):
        return all(is_strict(part) for part in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        required = schema.get("required")
        named = set(required) if isinstance(required, list) else set()
        if schema.get("additionalProperties") is not False or set(properties or {}) != named:
            return False
    return all(is_strict(part) for part in schema.values())
