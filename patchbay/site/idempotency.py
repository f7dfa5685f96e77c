"""`Idempotency-Key` on the REST API's POSTs: the first answer is kept for a day and given again to a repeat.

Chat has its own, in the transaction of its charge. The secret of an API key is shown once and never stored, so making
or rotating one takes no idempotency key.
"""

import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from patchbay.kernel.keys import services as keys
from patchbay.kernel.keys.contracts import Grant
from patchbay.kernel.usage import services as usage
from patchbay.lib.errors import AppError, FieldError, InvalidError, from_exception
from patchbay.site.problems import problem_response

MAX_LENGTH = 255
_SECRET = re.compile(r"/v1/keys(/[^/]+/rotate)?")
_ASKING = re.compile(r"/v1/gateway/providers/[^/]+/test")
"""A test changes nothing, and asks another machine: no transaction may wait for that."""


class StoredAnswer(msgspec.Struct):
    """What is kept of an answer."""

    status: int
    content_type: str
    body: bytes


class IdempotencyMiddleware:
    """Claims the key before the work and completes the claim with the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method != "POST" or not _is_covered(request.path):
            return self.get_response(request)
        try:
            grant = keys.authenticate(_token(request))
            claim = usage.claim(
                organisation_id=grant.organisation_id,
                idempotency_key=_checked(key),
                fingerprint=_fingerprint(request, grant),
            )
        except AppError as error:
            return problem_response(request, error)
        except Exception as error:
            return problem_response(request, from_exception(error))
        if claim.response is not None:
            return _replay(claim.response)
        return self._answer(request, claim.id)

    def _answer(self, request: HttpRequest, claim_id: str) -> HttpResponse:
        completed = False
        try:
            with _one_commit(request):
                response = self.get_response(request)
                if 200 <= response.status_code < 300:
                    usage.complete(claim_id, _stored(response))
                    completed = True
            return response
        finally:
            if not completed:
                usage.abandon(claim_id)


def _is_covered(path: str) -> bool:
    return path.startswith("/v1/") and not _SECRET.fullmatch(path) and not _ASKING.fullmatch(path)


def _one_commit(request: HttpRequest) -> AbstractContextManager[object]:
    """The work and its answer commit together; an upload does not hold the database while its file is stored."""
    return nullcontext() if (request.content_type or "").startswith("multipart/") else transaction.atomic()


def _token(request: HttpRequest) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def _checked(key: str) -> str:
    if not (0 < len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        fault = FieldError("Idempotency-Key", f"Use 1 to {MAX_LENGTH} printable ASCII characters.")
        raise InvalidError("The idempotency key cannot be used.", fields=(fault,))
    return key


def _fingerprint(request: HttpRequest, grant: Grant) -> str:
    """SHA-256 of where and what; of a form its parts, because each sending has another boundary.

    And of what the key may do: an answer is not repeated to one that could not have got it.
    """
    may = (grant.permission, grant.environment, grant.plug_id or "", str(grant.made_by_owner))
    digest = hashlib.sha256("\0".join((request.get_full_path(), *may, "")).encode())
    if not (request.content_type or "").startswith("multipart/"):
        digest.update(request.body)
        return digest.hexdigest()
    for name, value in sorted(request.POST.items()):
        digest.update(f"{name}={value}\0".encode())
    files: list[tuple[str, Any]] = sorted(request.FILES.items())
    for name, file in files:
        digest.update(f"{name}:{file.name}\0".encode())
        for chunk in file.chunks():
            digest.update(chunk)
        file.seek(0)
    return digest.hexdigest()


def _stored(response: HttpResponse) -> bytes:
    return msgspec.msgpack.encode(
        StoredAnswer(response.status_code, response.get("Content-Type", "application/json"), response.content)
    )


def _replay(stored: bytes) -> HttpResponse:
    answer = msgspec.msgpack.decode(stored, type=StoredAnswer)
    response = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
    response["Idempotency-Replayed"] = "true"
    return response
