"""Every refusal of the REST API is a problem that says what is wrong, where, and what to do."""

from typing import Any

import pytest
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def call() -> Any:
    headers = {"authorization": f"Bearer {factories.key().secret}"}
    client = Client(headers=headers, raise_request_exception=False)

    def send(method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        answer = client.generic(method, path, body, "application/json")
        assert answer["Content-Type"] == "application/problem+json"
        problem: dict[str, Any] = answer.json()
        assert problem["status"] == answer.status_code
        return problem

    return send


@pytest.mark.parametrize(
    ("body", "status", "field", "words"),
    [
        (rb'{"name": "\ud800"}', 422, "name", "surrogate"),
        (rb'{"name": "a\u0000"}', 422, "name", "NUL"),
        (b'{"name": "a\xff"}', 400, "name", "not UTF-8"),
        (b'{"name": 3}', 422, "name", "string"),
    ],
)
def test_a_body_that_cannot_be_kept_names_the_field_and_the_fault(
    call: Any, body: bytes, status: int, field: str, words: str
) -> None:
    problem = call("POST", "/v1/plugs", body)
    assert problem["status"] == status
    [fault] = problem["errors"]
    assert fault["field"] == field
    assert words in fault["message"]
    assert problem["next_step"]


def test_a_host_that_is_not_ours_is_a_problem_for_programs_and_a_page_for_people(client: Client) -> None:
    for path in ("/v1/me", "/v1/plugs", "/v1/nowhere", "/v1/openapi.json/"):
        answer = client.get(path, headers={"host": "elsewhere.example"})
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), path
        assert (answer.json()["code"], answer.json()["status"]) == ("unknown_host", 400)
        assert "PATCHBAY_ALLOWED_HOSTS" in answer.json()["next_step"]
    page = client.get("/login", headers={"host": "elsewhere.example"})
    assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "PATCHBAY_ALLOWED_HOSTS" in page.content.decode()
    assert page.content.decode().count("does not answer to that name") == 2, "the heading and the window's title"
    assert "Content-Security-Policy" in page.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/plugs", 422),
        ("GET", "/v1/plugs/nowhere", 404),
        ("GET", "/v1/nowhere", 404),
        ("PATCH", "/v1/plugs", 405),
        ("GET", "/v1/plugs?limit=many", 422),
        ("GET", "/v1/plugs?cursor=%25", 422),
    ],
)
def test_every_problem_has_a_next_step(call: Any, method: str, path: str, status: int) -> None:
    problem = call(method, path)
    assert problem["status"] == status
    assert problem["next_step"]


def test_a_file_whose_name_is_no_text_is_refused_and_so_is_one_without_end() -> None:
    client = Client(headers={"authorization": f"Bearer {factories.key().secret}"}, raise_request_exception=False)
    client.post("/v1/plugs", {"name": "Harbour"}, "application/json")
    for name, words in ((b"a\0b.txt", "NUL character"), (b"x" * 20_000, "header size")):
        head = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
        body = head + b"The fee is 40 pounds.\r\n--xx--\r\n"
        answer = client.generic("POST", "/v1/plugs/harbour/documents", body, "multipart/form-data; boundary=xx")
        problem = answer.json()
        assert answer.status_code == problem["status"] == 422
        assert problem["errors"][0]["field"] == "file"
        assert words in problem["errors"][0]["message"]
        assert client.get("/v1/plugs/harbour/documents").json()["data"] == []
