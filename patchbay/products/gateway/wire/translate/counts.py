"""What a call used, as the answers of each format show it to its client: what is charged, however it was counted.

`estimated` is no vendor's field: it stands where no provider counted, or one side was left out, and we did.
"""

from patchbay.products.gateway.wire.contracts import Body, TokenUsage


def as_chat(usage: TokenUsage) -> Body:
    """Return usage as a chat completion shows it: the prompt includes what the cache read and wrote."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write + usage.cache_write_1h,
            "audio_tokens": usage.audio_prompt,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_completion,
        },
        **_mark(usage),
    }


def as_messages(usage: TokenUsage) -> Body:
    """Return usage in Anthropic's shape, where what the cache read and wrote stands beside the prompt."""
    written = usage.cache_write + usage.cache_write_1h
    return {
        "input_tokens": usage.prompt - usage.cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        **_mark(usage),
    }


def as_responses(usage: TokenUsage) -> Body:
    """Return usage in the shape of a response."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write + usage.cache_write_1h,
        },
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
        **_mark(usage),
    }


def _mark(usage: TokenUsage) -> Body:
    return {"estimated": True} if usage.estimated else {}
