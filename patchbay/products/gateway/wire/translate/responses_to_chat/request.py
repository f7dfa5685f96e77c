"""A responses request as a chat completions request.

| responses | chat |
| --- | --- |
| `instructions`, system and developer messages | system messages |
| `input` text, message items | messages; `input_text`, `input_image`, `input_file` with data are parts |
| `function_call`, `function_call_output` items | `tool_calls` of one assistant message, tool messages |
| `reasoning` items | left out; on the way to Anthropic the signed thought in `encrypted_content`, if it is ours |
| `max_output_tokens` | `max_completion_tokens` (the target says which name its server takes) |
| `temperature`, `top_p`, `parallel_tool_calls` | the same |
| function `tools`, `tool_choice` | `tools`, `tool_choice` |
| `text.format` | `response_format` |
| `reasoning.effort` | `reasoning_effort` |
| `safety_identifier`, `user` | `user` |
| `stream` | `stream` with its usage event |

Left out, because no answer is worse for it: `store` (nothing is stored here: the answer says `store` false),
`metadata` (it is in the answer), `truncation`, `service_tier`, `prompt_cache_…`, `stream_options`, `max_tool_calls`,
`text.verbosity`, `reasoning.summary`, `include` of what does not arise. Refused: `previous_response_id`,
`conversation`, `prompt` and references to stored items, files by id, tools that the provider runs, logprobs, and any
field that is not known here.
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
from patchbay.products.gateway.wire.translate.responses_to_chat.turns import translate_input

_STORED = ("previous_response_id", "conversation", "prompt")
_NUMBERS = ("temperature", "top_p")
_DROPPED = frozenset(
    {
        "store",
        "metadata",
        "truncation",
        "service_tier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "stream_options",
        "max_tool_calls",
    }
)
_TAKEN = frozenset(
    {
        "model",
        "input",
        "instructions",
        "max_output_tokens",
        "parallel_tool_calls",
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "safety_identifier",
        "user",
        "stream",
        "include",
        *_NUMBERS,
    }
)
_LOGPROBS = "message.output_text.logprobs"
_CHOICES = ("none", "auto", "required")


def translate_request(body: Body, *, keep_thought: bool = False) -> Body:
    """Return the chat request; UnsupportedError names what it cannot say, InvalidError what is wrong."""
    for name in _STORED:
        if body.get(name):
            raise unsupported(name, "The provider of this model stores nothing to go on from: send the whole input.")
    refuse_others(body, _TAKEN | _DROPPED)
    included = body.get("include")
    if isinstance(included, list) and _LOGPROBS in included:
        raise unsupported("include", "The model behind this name gives no logprobs here.")
    messages = translate_input(body.get("input"), keep_thought=keep_thought)
    if instructions := body.get("instructions"):
        messages.insert(0, {"role": "system", "content": text_of(instructions, "instructions")})
    asked: Body = {"model": body.get("model"), "messages": messages}
    if (limit := body.get("max_output_tokens")) is not None:
        asked["max_completion_tokens"] = limit
    for name in _NUMBERS:
        if body.get(name) is not None:
            asked[name] = number_of(body[name], name)
    if body.get("stream"):
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    if user := body.get("safety_identifier") or body.get("user"):
        asked["user"] = user
    _set_tools(body, asked)
    _set_format(body.get("text"), asked)
    effort = object_of(body.get("reasoning") or {}, "reasoning").get("effort")
    if effort is not None:
        asked["reasoning_effort"] = effort
    return asked


def _set_tools(body: Body, asked: Body) -> None:
    tools = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(items(body.get("tools"), "tools"))]
    if not tools:
        return
    asked["tools"] = tools
    if (choice := body.get("tool_choice")) is not None:
        asked["tool_choice"] = _tool_choice(choice)
    if body.get("parallel_tool_calls") is not None:
        asked["parallel_tool_calls"] = body["parallel_tool_calls"]


def _tool(tool: Body, field: str) -> Body:
    if tool.get("type") != "function":
        raise unsupported(f"{field}.type", "The provider of this model runs no tools: only functions can be used.")
    function: Body = {"name": text_of(tool.get("name"), f"{field}.name")}
    for name in ("description", "parameters", "strict"):
        if tool.get(name) is not None:
            function[name] = tool[name]
    return {"type": "function", "function": function}


def _tool_choice(choice: Any) -> Any:
    if isinstance(choice, str):
        if choice not in _CHOICES:
            raise invalid("tool_choice", "It is none, auto, required or a function.")
        return choice
    if object_of(choice, "tool_choice").get("type") != "function":
        raise unsupported("tool_choice", "Only a function can be demanded of the model behind this name.")
    return {"type": "function", "function": {"name": text_of(choice.get("name"), "tool_choice.name")}}


def _set_format(text: Any, asked: Body) -> None:
    chosen = object_of(text or {}, "text").get("format")
    if chosen is None:
        return
    kind = object_of(chosen, "text.format").get("type")
    if kind == "json_schema":
        named = {
            name: chosen[name] for name in ("name", "description", "schema", "strict") if chosen.get(name) is not None
        }
        asked["response_format"] = {"type": "json_schema", "json_schema": named}
    elif kind == "json_object":
        asked["response_format"] = {"type": "json_object"}
    elif kind != "text":
        raise unsupported("text.format", "Only text, json_object and json_schema are known here.")
