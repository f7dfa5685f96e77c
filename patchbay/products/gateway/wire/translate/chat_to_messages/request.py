"""A chat completions request as a messages request.

| chat | messages |
| --- | --- |
| system, developer messages | `system`, in order; wherever they stood |
| user text, `image_url` (address or data URL), `file` with data | `text`, `image`, `document` blocks |
| assistant text, refusal, `tool_calls` | `text`, `tool_use` blocks |
| `thinking_blocks` of an assistant (as our answers carry them) | the blocks, unchanged; `reasoning_content` and parts
  of thought have no signature, which Anthropic demands, and are left out |
| tool messages | `tool_result` blocks; with what the user says next in one user turn |
| `max_completion_tokens`, `max_tokens` | `max_tokens`, DEFAULT_MAX_TOKENS when neither is set |
| `stop` | `stop_sequences` |
| `temperature` (0–2) | `temperature`, at most 1; left out while thinking, as Anthropic demands |
| `top_p`, `top_k`, `thinking` | the same; a `top_p` of 1 is left out |
| `tools`, `tool_choice`, `parallel_tool_calls` | `tools`, `tool_choice` with `disable_parallel_tool_use` |
| `response_format` json_schema / json_object | `output_config.format` / a sentence in `system` |
| `reasoning_effort` | `thinking` with a budget (THINKING_BUDGETS), at most half of `max_tokens`, so that the answer has
  room; a hint, so left out where Anthropic would refuse it: forced tools, too small a limit, a tool turn whose
  thinking did not come back |
| `safety_identifier`, `user` | `metadata.user_id` |

Left out, because no answer is worse for it: `seed` (best effort anyway), `store`, `metadata`, `service_tier`,
`prediction`, `verbosity`, `prompt_cache_…`, `stream_options`, a message's `name`. Refused: `n` above 1, `logprobs`,
`logit_bias`, penalties other than 0, `functions`, sound, web search, and any field that is not known here.
"""

from typing import Any

from patchbay.products.gateway.wire.contracts import Body
from patchbay.products.gateway.wire.reading import invalid
from patchbay.products.gateway.wire.translate.chat_to_messages.turns import translate_messages
from patchbay.products.gateway.wire.translate.fields import (
    items,
    number_of,
    object_of,
    refuse_others,
    text_of,
    unsupported,
)

DEFAULT_MAX_TOKENS = 4096
"""Anthropic requires a limit; this stands in when neither the client nor the target set one."""
THINKING_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16_384, "xhigh": 32_768, "max": 65_536}
MIN_THINKING_BUDGET = 1024
JSON_SENTENCE = "Answer with one JSON object and nothing else: no words around it, no code fence."
_DROPPED = frozenset(
    {
        "seed",
        "store",
        "metadata",
        "service_tier",
        "prediction",
        "verbosity",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "stream_options",
    }
)
_TAKEN = frozenset(
    {
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "thinking",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
        "safety_identifier",
        "user",
        "n",
        "modalities",
    }
)
_CHOICES = {"none": "none", "auto": "auto", "required": "any"}


def translate_request(body: Body) -> Body:
    """Return the messages request; UnsupportedError names what it cannot say, InvalidError what is wrong."""
    refuse_others(body, _TAKEN | _DROPPED)
    if body.get("n") not in (None, 1):
        raise unsupported("n", "The model behind this name gives one answer at a time.")
    if body.get("modalities") not in (None, ["text"], []):
        raise unsupported("modalities", "The model behind this name answers in text.")
    system, messages = translate_messages(items(body.get("messages"), "messages"))
    asked: Body = {
        "model": body.get("model"),
        "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_MAX_TOKENS,
        "messages": messages,
    }
    _set_format(body.get("response_format"), asked, system)
    if system:
        asked["system"] = system[0]["text"] if len(system) == 1 and len(system[0]) == 2 else system
    if body.get("stream"):
        asked["stream"] = True
    if stop := body.get("stop"):
        asked["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if user := body.get("safety_identifier") or body.get("user"):
        asked["metadata"] = {"user_id": user}
    _set_tools(body, asked)
    _set_thinking(body, asked)
    _set_sampling(body, asked)
    return asked


def _set_format(response_format: Any, asked: Body, system: list[Body]) -> None:
    if response_format is None:
        return
    kind = object_of(response_format, "response_format").get("type")
    if kind == "json_schema":
        described = object_of(response_format.get("json_schema"), "response_format.json_schema")
        schema = object_of(described.get("schema"), "response_format.json_schema.schema")
        asked["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    elif kind == "json_object":
        system.append({"type": "text", "text": JSON_SENTENCE})
    elif kind != "text":
        raise unsupported("response_format", "Only text, json_object and json_schema are known here.")


def _set_tools(body: Body, asked: Body) -> None:
    tools = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(items(body.get("tools"), "tools"))]
    if not tools:
        return
    asked["tools"] = tools
    choice = _tool_choice(body.get("tool_choice"))
    if body.get("parallel_tool_calls") is False and (choice is None or choice["type"] != "none"):
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    if choice is not None:
        asked["tool_choice"] = choice


def _tool(tool: Body, field: str) -> Body:
    if tool.get("type", "function") != "function":
        raise unsupported(f"{field}.type", "Only functions are tools for the model behind this name.")
    function = object_of(tool.get("function"), f"{field}.function")
    schema = object_of(function.get("parameters") or {"properties": {}}, f"{field}.function.parameters")
    described: Body = {
        "name": text_of(function.get("name"), f"{field}.function.name"),
        "input_schema": {"type": "object", **schema},
    }
    if description := function.get("description"):
        described["description"] = description
    if function.get("strict"):
        described["strict"] = True
    if cache := tool.get("cache_control"):
        described["cache_control"] = cache
    return described


def _tool_choice(choice: Any) -> Body | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        if choice not in _CHOICES:
            raise invalid("tool_choice", "It is none, auto, required or a function.")
        return {"type": _CHOICES[choice]}
    if object_of(choice, "tool_choice").get("type") != "function":
        raise unsupported("tool_choice", "Only a function can be demanded of the model behind this name.")
    function = object_of(choice.get("function"), "tool_choice.function")
    return {"type": "tool", "name": text_of(function.get("name"), "tool_choice.function.name")}


def _set_thinking(body: Body, asked: Body) -> None:
    if thinking := body.get("thinking"):
        asked["thinking"] = object_of(thinking, "thinking")
        return
    effort = body.get("reasoning_effort")
    if effort is None or effort == "none":
        return
    if text_of(effort, "reasoning_effort") not in THINKING_BUDGETS:
        raise invalid("reasoning_effort", f"It is none or one of {', '.join(THINKING_BUDGETS)}.")
    budget = min(THINKING_BUDGETS[effort], asked["max_tokens"] // 2)
    forced = asked.get("tool_choice", {}).get("type") in ("any", "tool")
    if budget >= MIN_THINKING_BUDGET and not forced and not _thought_is_missing(asked["messages"]):
        asked["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _thought_is_missing(messages: list[Body]) -> bool:
    """Whether a tool turn is under way that does not begin with the thought that Anthropic wants back."""
    for message in reversed(messages):
        kinds = [block["type"] for block in message["content"] if isinstance(block, dict)]
        if message["role"] == "user" and "tool_result" not in kinds:
            return False
        if message["role"] == "assistant" and "tool_use" in kinds:
            return kinds[0] not in ("thinking", "redacted_thinking")
    return False


def _set_sampling(body: Body, asked: Body) -> None:
    thinks = asked.get("thinking", {}).get("type") in ("enabled", "adaptive")
    temperature, top_p, top_k = body.get("temperature"), body.get("top_p"), body.get("top_k")
    if temperature is not None and not thinks:
        asked["temperature"] = min(number_of(temperature, "temperature"), 1)
    if top_p is not None and top_p != 1:
        asked["top_p"] = top_p
    if top_k is not None and not thinks:
        asked["top_k"] = top_k
