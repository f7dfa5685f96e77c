"""The one interface to upstream HTTP, so that a faster client can take its place without touching a provider."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import RequestError, RequestTimeoutError
from pyreqwest.response import Response


class HttpError(Exception):
    """The exchange failed below HTTP: no connection, a reset, a broken body."""


class HttpTimeoutError(HttpError):
    """The other side was silent for too long."""


class HttpAnswer:
    """An answer whose head has arrived; its body is read piece by piece."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self.status: int = response.status

    def header(self, name: str) -> str | None:
        """Return a header by its name in any case."""
        return self._response.get_header(name)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; HttpError when it breaks off."""
        with _translated():
            while (chunk := await self._response.body_reader.read_chunk()) is not None:
                yield bytes(chunk)

    async def read(self, limit: int) -> bytes:
        """Return at most the first `limit` bytes of the body, for a diagnosis."""
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) >= limit:
                break
        return bytes(body[:limit])


class HttpClient:
    """A pool of connections. `read_seconds` bounds each silence of the other side, not the whole answer."""

    def __init__(self, *, connect_seconds: float = 5.0, read_seconds: float = 60.0) -> None:
        self._client: Client = (
            ClientBuilder()
            .connect_timeout(timedelta(seconds=connect_seconds))
            .read_timeout(timedelta(seconds=read_seconds))
            .follow_redirects(False)  # a redirect would carry the provider's key to another host
            .user_agent("patchbay")
            .build()
        )

    @contextlib.asynccontextmanager
    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[HttpAnswer]:
        """Send a POST and give its answer once the head is in; leaving the block closes what is still unread."""
        builder = self._client.post(url).body_bytes(body)
        for name, value in headers.items():
            builder = builder.header(name, value, is_sensitive=name.lower() == "authorization")
        request = builder.build_streamed()
        with _translated():
            response = await request.__aenter__()
        try:
            yield HttpAnswer(response)
        finally:
            await request.__aexit__(None, None, None)

    async def close(self) -> None:
        await self._client.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RequestTimeoutError as error:
        raise HttpTimeoutError(str(error)) from error
    except RequestError as error:
        raise HttpError(str(error)) from error
