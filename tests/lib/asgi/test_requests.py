"""Raw routes: dispatch, bodies and their limits, errors that name the field."""

from typing import Any

import msgspec
import pytest
from django.db import OperationalError

from patchbay.lib.asgi.request import Request
from patchbay.lib.asgi.responses import respond_json
from patchbay.lib.asgi.routing import Dispatcher, Route
from patchbay.lib.asgi.types import Receive, Scope, Send
from patchbay.lib.errors import RateLimitedError
from tests.asgi import Answer, call


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: int


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    inner: list[Inner] = []


async def echo(request: Request) -> None:
    shape = await request.decode(Shape, limit=1000)
    await respond_json(request, {"name": shape.name, **request.path_params}, headers=[(b"x-extra", b"1")])


async def token(request: Request) -> None:
    await respond_json(request, {"token": request.bearer_token(), "query": request.query})


def raising(error: Exception) -> Any:
    async def handler(request: Request) -> None:
        request.answer_headers.append((b"ratelimit", b"r=0"))
        raise error

    return handler


async def fallback(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": [(b"x-page", b"1")]})
    await send({"type": "http.response.body", "body": b"page"})


def route(method: str, path: str, handler: Any, **more: Any) -> Route:
    return Route(method, path, handler, path, path, "public", "tests", **more)


APP = Dispatcher(
    [
        route("POST", "/echo", echo),
        route("POST", "/things/{thing_id}/parts/{part}", echo),
        route("GET", "/token", token),
        route("POST", "/page", echo, documented=False),
        route("GET", "/limited", raising(RateLimitedError(retry_after=0.2, extra={"limit": 5}))),
        route("GET", "/database", raising(OperationalError("connection to 10.0.0.1 refused"))),
        route("GET", "/bug", raising(KeyError("secret detail"))),
    ],
    fallback,
)


async def post(**more: Any) -> Answer:
    return await call(APP, "POST", "/echo", **more)


async def test_a_json_body_reaches_the_handler() -> None:
    answer = await post(value={"name": "Ärger"})
    assert (answer.status, answer.json()) == (200, {"name": "Ärger"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-extra"] == "1"


async def test_every_answer_names_its_request() -> None:
    answers = [
        await post(value={"name": "a"}),
        await post(body=b"{"),
        await call(APP, "GET", "/a page"),
        await call(APP, "GET", "/bug"),
    ]
    names = {answer.headers["x-request-id"] for answer in answers}
    assert len(names) == 4
    assert all(name.startswith("req_") and len(name) == 36 for name in names)
    assert answers[1].json()["request_id"] == answers[1].headers["x-request-id"]


async def test_path_parameters_are_one_segment_each() -> None:
    answer = await call(APP, "POST", "/things/t_1/parts/p.2", value={"name": "a"})
    assert answer.json() == {"name": "a", "thing_id": "t_1", "part": "p.2"}
    assert (await call(APP, "POST", "/things/a/b/parts/c", value={"name": "a"})).status == 299


async def test_what_no_route_takes_goes_to_the_fallback_with_an_id() -> None:
    answer = await call(APP, "GET", "/elsewhere")
    assert (answer.status, answer.body, answer.headers["x-page"]) == (299, b"page", "1")


async def test_another_method_of_an_api_path_is_refused_but_a_page_may_share_its_path() -> None:
    answer = await call(APP, "GET", "/echo")
    assert (answer.status, answer.headers["allow"], answer.json()["code"]) == (405, "POST", "method_not_allowed")
    assert (await call(APP, "GET", "/page")).status == 299


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b"{}", "name", "required"),
        (b'{"name": 3}', "name", "str"),
        (b'{"name": "a", "colour": 1}', "colour", "not a known field"),
        (b'{"name": "a", "inner": [{"size": 1}, {"size": "b"}]}', "inner[1].size", "int"),
        (b'{"name": "a", "inner": [{}]}', "inner[0].size", "required"),
        (b"[]", "body", "object"),
    ],
)
async def test_a_wrong_field_is_named(body: bytes, field: str, words: str) -> None:
    answer = await post(body=body)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    [fault] = answer.json()["errors"]
    assert fault["field"] == field
    assert words in fault["message"]


@pytest.mark.parametrize(
    ("body", "status", "field", "words"),
    [
        (rb'{"name": "\ud800"}', 422, "name", "surrogate"),
        (rb'{"name": "a", "inner": [{"size": 1}, {"size": "\udfff!"}]}', 422, "inner[1].size", "surrogate"),
        (b'{"name": "a\xff"}', 400, "name", "not UTF-8 at byte 11"),
        (b'{"name": "\xed\xa0\x80"}', 400, "name", "not UTF-8 at byte 10"),
        (b'{"name": "a\xff', 400, "body", "not UTF-8 at byte 11"),
    ],
)
async def test_a_text_that_is_no_text_is_named_with_its_fault(body: bytes, status: int, field: str, words: str) -> None:
    answer = await post(body=body)
    assert answer.status == status
    [fault] = answer.json()["errors"]
    assert fault["field"] == field
    assert words in fault["message"]
    assert answer.json()["next_step"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"name": "a"} x', b"\xff\xfe"])
async def test_what_is_not_json_is_a_bad_request(body: bytes) -> None:
    answer = await post(body=body)
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")


async def test_another_content_type_is_refused() -> None:
    answer = await post(body=b"name=a", headers={"content-type": "application/x-www-form-urlencoded"})
    assert (answer.status, answer.json()["code"]) == (415, "unsupported_media_type")
    assert (await post(body=b'{"name":"a"}', headers={"content-type": "Application/JSON; charset=utf-8"})).status == 200


async def test_a_large_body_is_refused_by_its_length_or_while_it_comes() -> None:
    declared = await post(body=b"{}", headers={"content-length": "1001"})
    streamed = await post(body=[b"x" * 600, b"x" * 600, b"never read"])
    for answer in (declared, streamed):
        assert (answer.status, answer.json()["limit_bytes"]) == (413, 1000)
        assert "at most 1,000 bytes" in answer.json()["next_step"]
    assert (await post(body=[b'{"name"', b": ", b'"a"}'])).status == 200


async def test_a_client_that_leaves_before_its_body_is_whole_gets_nothing() -> None:
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    await APP({"type": "http", "method": "POST", "path": "/echo", "query_string": b"", "headers": []}, receive, send)
    assert sent == []


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic abc"])
async def test_no_bearer_token_is_unauthenticated(header: str | None) -> None:
    answer = await call(APP, "GET", "/token", headers={} if header is None else {"authorization": header})
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_bearer_token_and_the_query_are_read() -> None:
    answer = await call(APP, "GET", "/token?a=1&a=2&b=%20", headers={"authorization": "bearer  sme_x "})
    assert answer.json() == {"token": "sme_x", "query": {"a": "1", "b": " "}}


async def test_a_refusal_carries_its_headers_and_extras() -> None:
    answer = await call(APP, "GET", "/limited")
    assert (answer.status, answer.headers["retry-after"], answer.headers["ratelimit"]) == (429, "1", "r=0")
    assert answer.json()["limit"] == 5


@pytest.mark.parametrize(("path", "status"), [("/database", 503), ("/bug", 500)])
async def test_our_own_failures_tell_nothing_of_their_inside(path: str, status: int) -> None:
    answer = await call(APP, "GET", path)
    assert answer.status == status
    assert b"secret" not in answer.body
    assert b"10.0.0.1" not in answer.body


async def test_lifespan_runs_its_steps_in_order_and_a_failing_end_does_not_stop_the_next() -> None:
    steps: list[str] = []

    def step(name: str, *, fails: bool = False) -> Any:
        async def run() -> None:
            steps.append(name)
            if fails:
                raise RuntimeError(name)

        return run

    app = Dispatcher([], fallback, startup=[step("a"), step("b")], shutdown=[step("c", fails=True), step("d")])
    assert await lifespan(app) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert steps == ["a", "b", "c", "d"]
    broken = Dispatcher([], fallback, startup=[step("no database", fails=True)])
    assert await lifespan(broken) == ["lifespan.startup.failed"]


async def lifespan(app: Dispatcher) -> list[str]:
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return sent
