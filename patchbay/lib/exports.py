"""Files that are made while they are sent: a long history costs no more memory than one block of it."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse


def csv_response(blocks: Iterator[str], filename: str) -> StreamingHttpResponse:
    """Answer with CSV that `blocks` makes; each block is made in a thread, once the client has taken the last.

    Under ASGI a plain iterator would be read whole before its first byte is sent. Each block should be a query of its
    own: a cursor held open would last as long as the client is slow.
    """
    response = StreamingHttpResponse(_in_thread(blocks), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


async def _in_thread(blocks: Iterator[str]) -> AsyncIterator[str]:
    take = sync_to_async(lambda: next(blocks, None))
    while (block := await take()) is not None:
        yield block
