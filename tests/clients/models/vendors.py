"""Both vendors on one HTTP/1.1 server of loopback, in threads of the test's own process.

`/openai/v1/…` and `/anthropic/v1/…` as the vendors have them. A model's name ends in what it is for: `-busy` answers
429 always, `-flaky` once a prompt, `-breaking` cuts its streams in the midst, `-gated` holds its streams after the
first event until `open_gate` is called with the call's last words (or `POST /gates/<words>` is, for a client in
another process).
"""

import contextlib
import json
import socket
import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote

from tests.fakes.vendors import anthropic_messages, openai_chat, openai_lists, openai_responses
from tests.fakes.vendors.answers import Answer
from tests.fakes.vendors.checks import RefusedError, check_anthropic, check_openai

Vendor = Literal["openai", "anthropic"]
MODELS: dict[Vendor, list[str]] = {
    "openai": ["gpt", "gpt-busy", "gpt-flaky", "gpt-gated", "gpt-breaking", "embed"],
    "anthropic": ["claude", "claude-busy", "claude-flaky", "claude-gated", "claude-breaking"],
}
GATE_SECONDS = 20.0
RETRY_AFTER = "0.05"
EVENTS_BEFORE_THE_CUT = 4


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # of clients that connect all at once, Python's 5 would turn some away


@dataclass
class Call:
    """One call that a vendor took, and the bytes of the body that it sent back so far."""

    vendor: Vendor
    operation: str
    headers: dict[str, str]
    body: dict[str, Any]
    sent: bytearray = field(default_factory=bytearray)
    status: int = 0


class Vendors:
    """The running server. `calls` are all well-authenticated calls in the order they came."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._gates: dict[str, threading.Event] = defaultdict(threading.Event)
        self._refused_once: set[str] = set()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        return type("Handler", (_Handler,), {"vendors": self})

    def open_gate(self, words: str) -> None:
        with self._lock:
            self._gates[words].set()

    def wait_at_gate(self, words: str) -> bool:
        with self._lock:
            gate = self._gates[words]
        return gate.wait(GATE_SECONDS)

    def last(self, operation: str) -> Call:
        return next(call for call in reversed(self.calls) if call.operation == operation)

    def first_time(self, words: str) -> bool:
        with self._lock:
            new = words not in self._refused_once
            self._refused_once.add(words)
        return new

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    vendors: Vendors

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that left
            super().handle()

    def do_GET(self) -> None:
        self._exchange(None)

    def do_POST(self) -> None:
        payload = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.startswith("/gates/"):
            self.vendors.open_gate(unquote(self.path.removeprefix("/gates/")))
            self._send(Call("openai", "gates", {}, {}), Answer(body=b"{}"))
        else:
            self._exchange(json.loads(payload))

    def _exchange(self, body: dict[str, Any] | None) -> None:
        _, vendor, _, operation = self.path.partition("?")[0].split("/", 3)
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call("anthropic" if vendor == "anthropic" else "openai", operation, headers, body or {})
        try:
            check = check_anthropic if call.vendor == "anthropic" else check_openai
            check(operation, headers, body)
            self.vendors.calls.append(call)
            answer = self._answer(call)
        except RefusedError as error:
            answer = _refusal(call, error)
        self._send(call, answer)

    def _answer(self, call: Call) -> Answer:
        if not call.body:
            lists = anthropic_messages.models if call.vendor == "anthropic" else openai_lists.models
            return lists(MODELS[call.vendor])
        model = call.body["model"]
        if model not in MODELS[call.vendor]:
            raise RefusedError(404, f"The model `{model}` does not exist.", code="model_not_found")
        answer = _OPERATIONS[call.operation](call.body)
        words = _last_words(call)
        if model.endswith("-busy") or (model.endswith("-flaky") and self.vendors.first_time(words)):
            raise RefusedError(429, "Slow down.", code="rate_limit_exceeded")
        if model.endswith("-breaking"):
            return replace(answer, events_left=EVENTS_BEFORE_THE_CUT)
        return replace(answer, gate=words) if model.endswith("-gated") else answer

    def _send(self, call: Call, answer: Answer) -> None:
        call.status = answer.status
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.events is None:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            call.sent += answer.body
            self.wfile.write(answer.body)
            return
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(answer.events):
            if number == 1 and answer.gate is not None and not self.vendors.wait_at_gate(answer.gate):
                raise ConnectionAbortedError("nobody opened the gate")
            if number == answer.events_left:
                self.connection.shutdown(socket.SHUT_RDWR)
            call.sent += event
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Say nothing: what came is in `calls`."""


def _refusal(call: Call, error: RefusedError) -> Answer:
    headers = {"retry-after": RETRY_AFTER} if error.status == 429 else {}
    if call.vendor == "anthropic":
        return Answer(error.status, anthropic_messages.error(error.status, error.message), headers=headers)
    return Answer(
        error.status, openai_chat.error(error.status, error.message, error.field, error.code), headers=headers
    )


def _last_words(call: Call) -> str:
    understand = {
        "chat/completions": openai_chat.understand,
        "responses": openai_responses.understand,
        "messages": anthropic_messages.understand,
    }.get(call.operation)
    texts = understand(call.body).texts if understand else []
    return texts[-1] if texts else ""


_OPERATIONS = {
    "chat/completions": openai_chat.answer,
    "responses": openai_responses.answer,
    "embeddings": openai_lists.embed,
    "messages": anthropic_messages.answer,
    "messages/count_tokens": anthropic_messages.count_tokens,
}
