"""One error table: each failure has one status, and a database that is away is never a 401 or a 500."""

import pytest
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404

from patchbay.lib import errors


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (OperationalError("unable to open database file"), 503),
        (InterfaceError("connection already closed"), 503),
        (Http404(), 404),
        (ObjectDoesNotExist(), 404),
        (PermissionDenied(), 403),
        (ZeroDivisionError("secret detail"), 500),
        (errors.ConflictError("taken"), 409),
    ],
)
def test_every_exception_has_a_status(failure: Exception, status: int) -> None:
    assert errors.from_exception(failure).status == status


def test_an_unexpected_failure_tells_nothing_of_its_inside() -> None:
    body = errors.problem(errors.from_exception(ZeroDivisionError("secret detail")))
    assert "secret" not in str(body)


def test_a_problem_names_the_field_and_the_next_step() -> None:
    error = errors.InvalidError(
        "Some of the input is not right.", fields=(errors.FieldError("name", "is required"),), next_step="Send a name."
    )
    body = errors.problem(error, request_id="req_1")
    assert body["errors"] == [{"field": "name", "message": "is required"}]
    assert body["next_step"] == "Send a name."
    assert body["request_id"] == "req_1"
    assert {"type", "title", "status", "detail", "code"} <= body.keys()


def codes(error: type[errors.AppError]) -> list[str]:
    return [error.code, *(code for child in error.__subclasses__() for code in codes(child))]


def kinds(error: type[errors.AppError]) -> list[type[errors.AppError]]:
    return [error, *(kind for child in error.__subclasses__() for kind in kinds(child))]


def test_every_problem_says_what_to_do_though_nobody_thought_of_it_where_it_was_raised() -> None:
    for kind in kinds(errors.AppError):
        assert errors.problem(kind())["next_step"].endswith("."), kind
    assert errors.problem(errors.NotFoundError(next_step="Look elsewhere."))["next_step"] == "Look elsewhere."


def test_every_code_is_used_once() -> None:
    found = codes(errors.AppError)
    assert len(found) == len(set(found))
