"""Forms with files: a name that is no text is refused, where Django would quietly keep what is left of it.

A form without a declared length, sent in chunks, is read too, where Django's parser takes it for empty.
"""

import io
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.http.response import HttpResponseBase


class UploadMiddleware:
    """Has a request's form read by our parser; like Django's it raises MultiPartParserError, which is a 400."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        def parse(meta: dict[str, Any], stream: Any) -> Any:
            return _Parser(_measured(meta, request), stream, request.upload_handlers, request.encoding).parse()

        request.parse_file_upload = parse  # type: ignore[method-assign, assignment]
        return self.get_response(request)


def _measured(meta: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    """Return the headers with the length of a body that came in chunks; by now it stands whole in a file."""
    body = request._stream
    if meta.get("CONTENT_LENGTH") or "chunked" not in meta.get("HTTP_TRANSFER_ENCODING", "").lower():
        return meta
    at = body.tell()
    size = body.seek(0, io.SEEK_END) - at
    body.seek(at)
    return meta | {"CONTENT_LENGTH": str(size)}


class _Parser(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str | None:
        if "\0" in file_name:
            raise MultiPartParserError("The file's name holds a NUL character, which no text here may have.")
        return super().sanitize_file_name(file_name)
