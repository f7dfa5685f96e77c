"""A strict stand-in for Patchbay's `/v1`, over real loopback HTTP, for testing the clients.

Strict: whatever a request should not do (no bearer key, a POST without an idempotency key, an unknown field,
a second `Content-Length`) is noted in `violations`, which the fixture asserts to be empty. It charges once per
idempotency key, as Patchbay does, and fails on command: `fail_next`.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

API_KEY = "sme_test_" + "5eed" * 8
TEXT = "§ 1 Kündigung 🙂\r\nEither party may terminate on thirty (30) days' notice.\n"
QUOTE = "Either party may terminate on thirty (30) days' notice."
PRICE = Decimal("1.500000")


@dataclass(frozen=True)
class Fail:
    """Answer with an error before anything is done."""

    status: int
    code: str = "failed"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Drop:
    """Cut the connection: before the request is carried out, or after it, so that only the answer is lost."""

    after: bool = False


@dataclass(frozen=True)
class BreakStream:
    """Send `frames` events of a stream, then stop: by cutting the connection, or by ending it in good order."""

    frames: int
    politely: bool = False


Fault = Fail | Drop | BreakStream


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Sent:
    """One response to make."""

    status: int
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    frames: list[bytes] | None = None


def answer_body(message: str, session_id: str) -> dict[str, Any]:
    return {
        "id": "ans_1",
        "session_id": session_id,
        "created_at": "2026-11-21T09:15:00.123456789Z",
        "model": "patchbay/extractive",
        "plug": "legal-v1",
        "plug_version": "3",
        "outcome": "answered",
        "answer": f"On thirty days’ notice [1]. You asked: {message}",
        "citations": [citation_body()],
        "support": 0.9,
        "guardrails": [{"kind": "pii", "action": "redacted", "where": "question"}],
        "usage": {
            "prompt_tokens": 900,
            "completion_tokens": 300,
            "cached_tokens": 0,
            "estimated": True,
            "credits": str(PRICE),
        },
        "a_field_of_tomorrow": {"ignored": True},
    }


def citation_body() -> dict[str, Any]:
    start = TEXT.index(QUOTE)
    return {
        "index": 1,
        "document_id": "doc_1",
        "document_version": 2,
        "title": "Master services agreement",
        "page": None,
        "section": "§ 1 Kündigung",
        "quote": QUOTE,
        "start": start,
        "end": start + len(QUOTE),
        "verified": True,
        "url": "/documents/doc_1#p1",
        "a_field_of_tomorrow": 1,
    }


def frame(event: str, data: object, end: str = "\n") -> bytes:
    return f"event: {event}{end}data: {json.dumps(data, ensure_ascii=False)}{end}{end}".encode()


class FakePatchbay:
    """The state of one server, and what was asked of it."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.violations: list[str] = []
        self.spent = Decimal(0)
        self.plugs = [{"id": f"plug_{n}", "slug": f"plug-{n}", "name": f"Plug {n}"} for n in range(5)]
        self.documents: dict[str, dict[str, Any]] = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.keys = {"key_1": {"id": "key_1", "name": "CI", "prefix": "sme_live_0000000", "state": "active"}}
        self.rotations = 0
        self.looks_until_ready = 2
        self.text_as_json = True
        self.stream_tail: list[bytes] | None = None
        self._faults: deque[Fault] = deque()
        self._done: dict[str, tuple[bytes, Sent]] = {}
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def fail_next(self, *faults: Fault) -> None:
        """The next requests meet these, one each."""
        self._faults.extend(faults)

    def receive(self, seen: Seen) -> tuple[Sent, Fault | None]:
        """Carries a request out, or not, and says how the answer shall fail."""
        with self._lock:
            self.requests.append(seen)
            self._check(seen)
            fault = self._faults.popleft() if self._faults else None
            if isinstance(fault, Fail):
                return _problem(fault.status, fault.code, fault.headers, fault.body), None
            if fault == Drop():
                return Sent(0), fault
            return self._once(seen), fault

    def _check(self, seen: Seen) -> None:
        if seen.headers.get("user-agent", "").split("/")[0] != "smeplug-python":
            self.violations.append(f"{seen.path}: user-agent is {seen.headers.get('user-agent')}")
        if "accept" not in seen.headers:
            self.violations.append(f"{seen.path}: no accept header")
        keyed = seen.method == "POST" and not seen.path.startswith("/v1/keys")  # a secret's answer is not kept
        if keyed != ("idempotency-key" in seen.headers):
            self.violations.append(f"{seen.method} {seen.path}: idempotency key on POST, and only there")
        if seen.method not in ("POST", "PATCH") and seen.body:
            self.violations.append(f"{seen.method} {seen.path}: a body")

    def _once(self, seen: Seen) -> Sent:
        """The same idempotency key is carried out once, and answered again as before."""
        if seen.headers.get("authorization") != f"Bearer {API_KEY}":
            return _problem(401, "invalid_api_key")
        key = seen.headers.get("idempotency-key", "")
        if key in self._done:
            body, sent = self._done[key]
            return sent if body == seen.body else _problem(409, "idempotency_key_reused")
        sent = self._route(seen)
        if key and sent.status < 400:
            self._done[key] = seen.body, sent
        return sent

    def _route(self, seen: Seen) -> Sent:
        for method, pattern, handle in _ROUTES:
            found = re.fullmatch(pattern, seen.path)
            if found and method == seen.method:
                return handle(self, seen, *(unquote(part) for part in found.groups()))
        return _problem(404, "not_found")

    def chat(self, seen: Seen) -> Sent:
        fields = seen.json
        if unknown := set(fields) - {"message", "session_id", "plugin_id", "stream"}:
            self.violations.append(f"chat: unknown {unknown}")
        if not fields.get("message"):
            wrong = [{"field": "message", "message": "must not be empty"}]
            return _problem(422, "invalid_request", errors=wrong)
        session_id = fields.get("session_id", "ses_1")
        messages = [{"role": "user", "content": fields["message"]}]
        self.sessions[session_id] = {
            "id": session_id, "plug": "legal-v1", "created_at": "2026-11-21T09:15:00Z", "messages": messages
        }  # fmt: skip
        self.spent += PRICE
        body = answer_body(fields["message"], session_id)
        if not fields.get("stream"):
            return Sent(200, body)
        if seen.headers["accept"] != "text/event-stream":
            self.violations.append(f"stream: accept is {seen.headers['accept']}")
        return Sent(200, frames=self._stream(body))

    def _stream(self, body: dict[str, Any]) -> list[bytes]:
        text = body["answer"]
        head = [
            b": ping\n\n",
            frame("delta", {"text": text[:9]}, end="\r\n"),
            frame("an_event_of_tomorrow", {"x": 1}),
            frame("delta", {"text": text[9:]}),
            frame("citation", body["citations"][0]),
        ]
        return head + (self.stream_tail if self.stream_tail is not None else [frame("done", body)])

    def create_plug(self, seen: Seen) -> Sent:
        if unknown := set(seen.json) - {"name", "slug", "domain", "description"}:
            self.violations.append(f"create plug: unknown {unknown}")
        if any(plug["slug"] == seen.json.get("slug") for plug in self.plugs):
            return _problem(409, "slug_in_use")
        plug = {"id": f"plug_{len(self.plugs)}", "slug": "made-of-the-name", **seen.json}
        self.plugs.append(plug)
        return Sent(201, plug)

    def list_plugs(self, seen: Seen) -> Sent:
        limit, at = int(seen.query.get("limit", "2")), int(seen.query.get("cursor", "0"))
        following = str(at + limit) if at + limit < len(self.plugs) else None
        return Sent(200, {"data": self.plugs[at : at + limit], "next_cursor": following})

    def get_plug(self, seen: Seen, plug: str) -> Sent:
        found = [each for each in self.plugs if plug in (each["id"], each["slug"])]
        return Sent(200, found[0]) if found else _problem(404, "not_found")

    def delete_plug(self, seen: Seen, plug: str) -> Sent:
        kept = [each for each in self.plugs if plug not in (each["id"], each["slug"])]
        gone, self.plugs = len(kept) < len(self.plugs), kept
        return Sent(204) if gone else _problem(404, "not_found")

    def upload(self, seen: Seen, plug: str) -> Sent:
        head = f"content-type: {seen.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + seen.body)
        parts = list(message.iter_parts())
        if [part.get_param("name", header="content-disposition") for part in parts] != ["file"]:
            self.violations.append("upload: expected one part named file")
        content = parts[0].get_payload(decode=True)
        assert isinstance(content, bytes)
        document_id = f"doc_{len(self.documents) + 1}"
        self.files[document_id] = (str(parts[0].get_filename()), content)
        document = {"id": document_id, "title": str(parts[0].get_filename()), "status": "processing", "semantic": False}
        self.documents[document_id] = {**document, "version": 1, "error": None, "pages": None, "chunks": None}
        return Sent(202, document)

    def list_documents(self, seen: Seen, plug: str) -> Sent:
        return Sent(200, {"data": list(self.documents.values()), "next_cursor": None})

    def get_document(self, seen: Seen, plug: str, document_id: str) -> Sent:
        if document_id not in self.documents:
            return _problem(404, "not_found")
        document = self.documents[document_id]
        self.looks_until_ready -= 1
        if self.looks_until_ready <= 0:
            failed = not self.files[document_id][1]
            document |= (
                {"status": "error", "error": "the file is empty"}
                if failed
                else {"status": "ready", "pages": 1, "chunks": 2, "semantic": True}
            )
        return Sent(200, document)

    def delete_document(self, seen: Seen, plug: str, document_id: str) -> Sent:
        return Sent(204) if self.documents.pop(document_id, None) else _problem(404, "not_found")

    def text(self, seen: Seen, plug: str, document_id: str, version: str) -> Sent:
        if self.text_as_json:
            return Sent(200, {"text": TEXT})
        return Sent(200, TEXT.encode(), {"content-type": "text/plain; charset=utf-8"})

    def list_sessions(self, seen: Seen) -> Sent:
        short = [{k: v for k, v in each.items() if k != "messages"} for each in self.sessions.values()]
        return Sent(200, {"data": short, "next_cursor": None})

    def get_session(self, seen: Seen, session_id: str) -> Sent:
        found = self.sessions.get(session_id)
        return Sent(200, found) if found else _problem(404, "not_found")

    def delete_session(self, seen: Seen, session_id: str) -> Sent:
        return Sent(204) if self.sessions.pop(session_id, None) else _problem(404, "not_found")

    def list_keys(self, seen: Seen) -> Sent:
        return Sent(200, {"data": list(self.keys.values()), "next_cursor": None})

    def update_key(self, seen: Seen, key_id: str) -> Sent:
        self.keys[key_id] |= seen.json
        return Sent(200, self.keys[key_id])

    def rotate_key(self, seen: Seen, key_id: str) -> Sent:
        self.rotations += 1
        until = "2026-11-22T09:15:00Z" if seen.json["overlap_seconds"] else None
        self.keys[key_id] |= {"previous_secret_until": until}
        return Sent(200, {**self.keys[key_id], "secret": f"sme_live_{self.rotations:032x}"})

    def revoke_key(self, seen: Seen, key_id: str) -> Sent:
        self.keys[key_id] |= {"state": "revoked"}
        return Sent(200, self.keys[key_id])

    def balance(self, seen: Seen) -> Sent:
        left = Decimal("500.000000") - self.spent
        return Sent(200, {"available": str(left), "held": "0.000000", "currency": "credits"})

    def entries(self, seen: Seen) -> Sent:
        entry = {"id": "ent_1", "created_at": "2026-11-21T10:15:00+01:00", "kind": "usage", "amount": f"-{PRICE}"}
        return Sent(200, {"data": [entry], "next_cursor": None})

    def records(self, seen: Seen) -> Sent:
        record = {"id": "use_1", "created_at": "2026-11-21T09:15:00Z", "request_id": "req_1"}
        return Sent(200, {"data": [{**record, "credits": str(PRICE)}], "next_cursor": None})

    def me(self, seen: Seen) -> Sent:
        return Sent(200, {"organisation": {"id": "org_1", "name": "Blue Heron"}, "key": {"name": "CI"}})


_ONE = "([^/]+)"
_DOCUMENTS = f"/v1/plugs/{_ONE}/documents"
_ROUTES: list[tuple[str, str, Callable[..., Sent]]] = [
    ("POST", "/v1/chat", FakePatchbay.chat),
    ("GET", "/v1/me", FakePatchbay.me),
    ("POST", "/v1/plugs", FakePatchbay.create_plug),
    ("GET", "/v1/plugs", FakePatchbay.list_plugs),
    ("GET", f"/v1/plugs/{_ONE}", FakePatchbay.get_plug),
    ("DELETE", f"/v1/plugs/{_ONE}", FakePatchbay.delete_plug),
    ("POST", _DOCUMENTS, FakePatchbay.upload),
    ("GET", _DOCUMENTS, FakePatchbay.list_documents),
    ("GET", f"{_DOCUMENTS}/{_ONE}", FakePatchbay.get_document),
    ("DELETE", f"{_DOCUMENTS}/{_ONE}", FakePatchbay.delete_document),
    ("GET", rf"{_DOCUMENTS}/{_ONE}/versions/(\d+)/text", FakePatchbay.text),
    ("GET", "/v1/sessions", FakePatchbay.list_sessions),
    ("GET", f"/v1/sessions/{_ONE}", FakePatchbay.get_session),
    ("DELETE", f"/v1/sessions/{_ONE}", FakePatchbay.delete_session),
    ("GET", "/v1/keys", FakePatchbay.list_keys),
    ("PATCH", f"/v1/keys/{_ONE}", FakePatchbay.update_key),
    ("POST", f"/v1/keys/{_ONE}/rotate", FakePatchbay.rotate_key),
    ("DELETE", f"/v1/keys/{_ONE}", FakePatchbay.revoke_key),
    ("GET", "/v1/credits/balance", FakePatchbay.balance),
    ("GET", "/v1/credits/entries", FakePatchbay.entries),
    ("GET", "/v1/usage/records", FakePatchbay.records),
]


def _problem(
    status: int,
    code: str,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Sent:
    if body is not None:
        return Sent(status, body, {"content-type": "text/html", **(headers or {})})
    problem = {
        "type": f"https://docs.smeplug.dev/errors/{code}", "title": code.replace("_", " ").capitalize(),
        "status": status, "detail": f"It is {code}.", "code": code, "request_id": "req_1",
    }  # fmt: skip
    content_type = {"content-type": "application/problem+json"}
    return Sent(status, problem | ({"errors": errors} if errors else {}), content_type | (headers or {}))


class _Server(ThreadingHTTPServer):
    """A client that hangs up is ordinary; any other failure of a request is a violation."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, fake: FakePatchbay) -> None:
        super().__init__(("127.0.0.1", 0), _handler(fake))
        self._fake = fake

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            self._fake.violations.append(f"the fake failed: {error!r}")


def _handler(fake: FakePatchbay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each small response waits 40 ms for an acknowledgement
        timeout = 10

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            seen = Seen(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            sent, fault = fake.receive(seen)
            if isinstance(fault, Drop):
                self.cut()
            elif sent.frames is not None:
                self.send_stream(sent.frames, fault)
            else:
                self.send_whole(sent)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def send_whole(self, sent: Sent) -> None:
            body = sent.body if isinstance(sent.body, bytes) else json.dumps(sent.body).encode()
            body = b"" if sent.status == 204 else body
            headers = {"content-type": "application/json", "x-request-id": "req_1", **sent.headers}
            self.send_response(sent.status)
            for name, value in headers.items():
                self.send_header(name, value)
            if sent.status != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def send_stream(self, frames: list[bytes], fault: Fault | None) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream; charset=utf-8")
            self.send_header("x-request-id", "req_1")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            broken = isinstance(fault, BreakStream)
            data = b"".join(frames[: fault.frames] if isinstance(fault, BreakStream) else frames)
            for at in range(0, len(data), 7):  # chunk borders fall anywhere: in a word, a character, a CRLF
                piece = data[at : at + 7]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if broken and isinstance(fault, BreakStream) and not fault.politely:
                self.cut()
            else:
                self.wfile.write(b"0\r\n\r\n")

        def cut(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: `FakePatchbay.requests` is the log."""

    return Handler
