"""One router as a REST API of its own, with the product's key check: for tests of packages below the whole API."""

import json
from typing import Any

from asgiref.sync import async_to_sync
from django.core.files import File
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.utils.datastructures import MultiValueDict
from ninja import NinjaAPI, Router
from ninja.security import HttpBearer
from ninja.testing import TestClient
from ninja.testing.client import NinjaResponse

from patchbay.kernel.keys import services as keys
from patchbay.kernel.keys.contracts import Grant
from patchbay.lib.errors import AppError, problem


class _KeyAuth(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> Grant:
        grant = keys.authenticate(token)
        request.actor = grant.actor(None)  # type: ignore[attr-defined]
        return grant


class _Client(TestClient):
    """Takes answers that are made while they are sent, too."""

    def _call(self, func: Any, request: HttpRequest, kwargs: dict[str, Any]) -> NinjaResponse:
        answer = func(request, **kwargs)
        if answer.streaming:
            answer.streaming_content = iter(async_to_sync(_taken)(answer))
        return NinjaResponse(answer)


async def _taken(answer: StreamingHttpResponse) -> list[bytes]:
    return [part async for part in answer]


class Rest:
    """Calls a router: `get("/path", key=secret)` returns (status, body)."""

    def __init__(self, router: Router, namespace: str) -> None:
        api = NinjaAPI(auth=_KeyAuth(), urls_namespace=namespace, docs_url=None, openapi_url=None)
        api.add_exception_handler(AppError, lambda _, error: JsonResponse(problem(error), status=error.status))
        api.add_router("", router)
        self._client = _Client(api)

    def call(self, method: str, path: str, *, key: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {key}"}
        answer = self._client.request(method, path, json=body, headers=headers)
        return answer.status_code, json.loads(answer.content or "null")

    def text(self, path: str, *, key: str) -> tuple[int, str]:
        """Get a plain text."""
        answer = self._client.get(path, headers={"Authorization": f"Bearer {key}"})
        return answer.status_code, answer.content.decode()

    def upload(self, path: str, *files: File[Any], key: str) -> tuple[int, Any]:
        """Post files as the form field `file`."""
        form = MultiValueDict({"file": list(files)})
        answer = self._client.post(path, FILES=form, headers={"Authorization": f"Bearer {key}"})
        return answer.status_code, json.loads(answer.content)
