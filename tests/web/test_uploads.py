"""Forms with files are read however their length is told."""

import tempfile

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse

from patchbay.web.uploads import UploadMiddleware

FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="lease.txt"\r\n\r\nThe rent.\r\n--b--\r\n'


@pytest.mark.parametrize("told", [(b"transfer-encoding", b"chunked"), (b"content-length", str(len(FORM)).encode())])
def test_a_form_is_read_with_its_length_declared_or_not(told: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", b"multipart/form-data; boundary=b"), told]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    with tempfile.SpooledTemporaryFile() as body:
        body.write(FORM)
        body.seek(0)
        request = ASGIRequest(scope, body)
        UploadMiddleware(lambda request: HttpResponse())(request)
        assert request.FILES["file"].read() == b"The rent."
