"""What travels in the measure: the request, the answer the upstream gives, and how a client knows it is right."""

import json
import re

MODEL = "bench"
EVENTS = 40
WORDS = [f"word{number:02d} " for number in range(EVENTS)]
TEXT = "".join(WORDS)
USAGE = {"prompt_tokens": 97, "completion_tokens": EVENTS, "total_tokens": 97 + EVENTS}
_ID = {"id": "chatcmpl-bench", "created": 1_790_000_000, "model": MODEL}


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def whole_answer() -> bytes:
    """Return the body of an answer that is not streamed."""
    message = {"role": "assistant", "content": TEXT, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _compact(_ID | {"object": "chat.completion", "choices": [choice], "usage": USAGE})


def events(*, include_usage: bool) -> tuple[bytes, list[bytes], bytes]:
    """Return a stream's opening event, its paced events, and what follows the last of them."""

    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data(_ID | {"object": "chat.completion.chunk", "choices": [choice]})

    paced = [event({"content": word}) for word in WORDS]
    last = event({}, "stop")
    if include_usage:
        last += _data(_ID | {"object": "chat.completion.chunk", "choices": [], "usage": USAGE})
    return event({"role": "assistant", "content": ""}), paced, last + b"data: [DONE]\n\n"


def _data(value: object) -> bytes:
    return b"data: " + _compact(value) + b"\n\n"


def request_body(model: str = MODEL, *, stream: bool) -> bytes:
    """Return a chat request of about 600 bytes, as an SDK writes it."""
    system = "You are a careful assistant. Answer briefly, in plain words, and say so when you do not know. " * 3
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "How long is the notice period?"}]
    body: dict[str, object] = {"model": model, "messages": messages, "max_tokens": 64, "temperature": 0.2}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return _compact(body)


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return the bytes of a whole HTTP/1.1 POST."""
    known = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (known | headers).items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def is_right(body: bytes, *, stream: bool) -> bool:
    """Say whether a body of whatever spelling holds the whole text, each word once and in order, and the usage."""
    usage = b'"total_tokens":%d' % USAGE["total_tokens"]
    if usage not in body and usage.replace(b":", b": ") not in body:
        return False
    if not stream:
        return TEXT.encode() in body
    return has_words(body)


def has_words(stream: bytes) -> bool:
    """Say whether a stream, of whatever format, holds each word once and in order."""
    return _WORD.findall(stream) == _WORDS


_WORD = re.compile(rb"word\d\d ")
_WORDS = [word.encode() for word in WORDS]


def unchunk(data: bytes) -> bytes:
    """Return the content of a chunked body that has arrived whole."""
    parts: list[bytes] = []
    at = 0
    while True:
        line = data.index(b"\r\n", at)
        size = int(data[at:line].split(b";", 1)[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(data[line + 2 : line + 2 + size])
        at = line + 4 + size
