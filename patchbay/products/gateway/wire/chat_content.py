"""What a chat server writes where OpenAI's has a text: of some (Mistral's, which think aloud) it is a list of parts.

[{"type": "thinking", "thinking": [{"type": "text", "text": "…"}]}, {"type": "text", "text": "…"}]
"""

from typing import Any, NamedTuple


class Content(NamedTuple):
    """The text of a message or a delta, and the thought that stands beside it in its parts."""

    text: str
    thought: str


def read_content(content: Any) -> Content:
    """Return what a message's `content` says; references, pictures and other parts say nothing here.

    TypeError when it is neither a text nor a list nor null.
    """
    if content is None or isinstance(content, str):
        return Content(content or "", "")
    if not isinstance(content, list):
        raise TypeError("content is a text or a list of parts")
    return Content(_join(content, "text"), _join(content, "thinking"))


def _join(parts: list[Any], kind: str) -> str:
    """Return the texts of the parts of one kind; a thought is a text or has text parts of its own."""
    said = [part.get(kind) for part in parts if isinstance(part, dict) and part.get("type") == kind]
    texts = [_join(each, "text") if isinstance(each, list) else each for each in said]
    return "".join(each for each in texts if isinstance(each, str))
