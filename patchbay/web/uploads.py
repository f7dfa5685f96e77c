"""Forms with files: a name that is no text is refused, where Django would quietly keep what is left of it."""

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
            return _Parser(meta, stream, request.upload_handlers, request.encoding).parse()

        request.parse_file_upload = parse  # type: ignore[method-assign, assignment]
        return self.get_response(request)


class _Parser(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str | None:
        if "\0" in file_name:
            raise MultiPartParserError("The file's name holds a NUL character, which no text here may have.")
        return super().sanitize_file_name(file_name)
