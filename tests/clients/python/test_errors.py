"""What the server refuses becomes one typed error that says what is known."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import smeplug
from smeplug import APIConnectionError, APIError, APITimeoutError, NotFoundError, RateLimitError, SMEPlugError

from tests.fakes.patchbay_api import API_KEY, Fail, FakePatchbay

BY_STATUS = {
    400: smeplug.ValidationError,
    401: smeplug.AuthenticationError,
    402: smeplug.InsufficientCreditsError,
    403: smeplug.PermissionDeniedError,
    404: smeplug.NotFoundError,
    409: smeplug.ConflictError,
    410: smeplug.APIError,
    413: smeplug.ValidationError,
    415: smeplug.ValidationError,
    422: smeplug.ValidationError,
    429: smeplug.RateLimitError,
    500: smeplug.ServerError,
    502: smeplug.ServerError,
    503: smeplug.ServiceUnavailableError,
    599: smeplug.ServerError,
}


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
def test_each_status_has_its_error(connect: Any, fake: FakePatchbay, status: int, kind: type[APIError]) -> None:
    fake.fail_next(Fail(status, "the_code"))
    with pytest.raises(SMEPlugError) as caught:
        connect(max_retries=0).me()
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.title) == (status, "the_code", "The code")
    assert (error.detail, error.request_id) == ("It is the_code.", "req_1")
    assert error.problem["type"] == "https://docs.smeplug.dev/errors/the_code"
    assert str(error) == f"{status} the_code: It is the_code. (request req_1)"


@pytest.mark.parametrize(("told", "step"), [("Buy credits.", "Buy credits."), (None, None), (5, None)])
def test_an_error_says_what_to_do_where_the_server_does(told: object, step: str | None) -> None:
    error = APIError(402, "insufficient_credits", "Out of credits", problem={"next_step": told})
    assert error.next_step == step
    assert APIError(500, "http_500", "Server error").next_step is None


def test_a_redirect_is_not_followed_with_the_key(plug: Any, fake: FakePatchbay) -> None:
    fake.fail_next(Fail(307, headers={"location": f"{fake.base_url}/elsewhere"}))
    with pytest.raises(APIError, match="307"):
        plug.me()
    assert [seen.path for seen in fake.requests] == ["/v1/me"]


@pytest.mark.parametrize("body", [b"<h1>Bad gateway</h1>", b'["Bad gateway"]'])
def test_an_error_page_of_a_proxy_is_shown_in_part(connect: Any, fake: FakePatchbay, body: bytes) -> None:
    fake.fail_next(Fail(502, body=body + b" " * 9 + b"x" * 10_000))
    with pytest.raises(smeplug.ServerError, match=r"502 http_502: .*Bad gateway") as caught:
        connect(max_retries=0).me()
    assert len(str(caught.value)) < 300
    assert caught.value.title == "Bad Gateway"


def test_a_server_that_is_not_there_is_a_connection_error(connect: Any, slept: list[float]) -> None:
    with pytest.raises(APIConnectionError, match="ConnectError"):
        connect(base_url="http://127.0.0.1:1").me()
    assert len(slept) == 2


def test_a_server_that_is_silent_is_a_timeout(connect: Any) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(APITimeoutError, match="ReadTimeout"):
            connect(base_url=url, timeout=0.05, max_retries=0).me()


def test_an_error_survives_pickling(connect: Any, fake: FakePatchbay) -> None:
    fake.fail_next(Fail(429, headers={"retry-after": "7"}))
    with pytest.raises(RateLimitError) as caught:
        connect(max_retries=0).me()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.retry_after) == (RateLimitError, str(caught.value), 7.0)


def test_the_key_is_in_no_text(connect: Any, fake: FakePatchbay, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    client = connect()
    fake.fail_next(Fail(404, body=f"<pre>Authorization: Bearer {API_KEY}</pre>".encode()))
    with pytest.raises(NotFoundError, match=r"\[api key\]") as caught:
        client.me()
    client.chat("Why?")
    shown = [repr(client), str(caught.value), repr(caught.value), repr(vars(caught.value)), caplog.text]
    assert not any(API_KEY in text for text in shown)
    assert "POST" in caplog.text  # the log was there to be looked at
