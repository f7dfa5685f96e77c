"""The async client's resources: each method makes one call of `_calls` and sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smeplug import _calls
from smeplug._calls import UNSET
from smeplug._paging import AsyncPager
from smeplug._plugin import plugin_and_id, plugin_of
from smeplug._polling import poll_delays
from smeplug._upload import Source, open_upload
from smeplug.errors import DocumentTimeoutError
from smeplug.models import ApiKey, Balance, Document, LedgerEntry, NewApiKey, Plug, Session, UsageRecord

if TYPE_CHECKING:
    from decimal import Decimal

    from smeplug._transport import AsyncTransport

DAY = 86_400


class AsyncPlugs:
    """The plugs that the organisation may ask, and its own private ones."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPager[Plug]:
        """All plugs, `limit` to a page, fetched as they are iterated with `async for`."""
        return AsyncPager(_calls.list_plugs(limit, cursor), self._transport.send)

    async def create(
        self,
        *,
        name: str,
        slug: str | None = None,
        domain: str | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> Plug:
        """A new private plug; the slug is made from the name if none is given."""
        return await self._transport.send(_calls.create_plug(name, slug, domain, description, idempotency_key))

    async def get(self, plugin_id: str) -> Plug:
        """One plug by id or slug."""
        return await self._transport.send(_calls.get_plug(plugin_id))

    async def delete(self, plugin_id: str) -> None:
        """A private plug goes with its documents and sessions, and keys for it alone are revoked."""
        await self._transport.send(_calls.delete_plug(plugin_id))


class AsyncDocuments:
    """A plug's knowledge. `plugin_id` (id or slug) may be left out where the client has one."""

    def __init__(self, transport: AsyncTransport, plugin_id: str | None) -> None:
        self._transport = transport
        self._plugin_id = plugin_id

    async def upload(
        self,
        path_or_file: Source,
        *,
        plugin_id: str | None = None,
        filename: str | None = None,
        idempotency_key: str | None = None,
    ) -> Document:
        """Sends a path or a file opened in binary mode (from where it stands). Processing goes on: see `wait`."""
        plug = plugin_of(plugin_id, self._plugin_id)
        with open_upload(path_or_file, filename) as upload:
            return await self._transport.send(_calls.upload_document(plug, upload, idempotency_key))

    def list(
        self, *, plugin_id: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPager[Document]:
        """All documents of the plug, `limit` to a page, fetched as they are iterated with `async for`."""
        listing = _calls.list_documents(plugin_of(plugin_id, self._plugin_id), limit, cursor)
        return AsyncPager(listing, self._transport.send)

    async def get(self, document_id: str, *, plugin_id: str | None = None) -> Document:
        return await self._transport.send(_calls.get_document(plugin_of(plugin_id, self._plugin_id), document_id))

    async def delete(self, document_id: str, *, plugin_id: str | None = None) -> None:
        await self._transport.send(_calls.delete_document(plugin_of(plugin_id, self._plugin_id), document_id))

    async def wait(self, document: Document | str, *, plugin_id: str | None = None, timeout: float = 120.0) -> Document:
        """The document once its status is `ready` or `error`; DocumentTimeoutError after `timeout` seconds."""
        plug, document_id = plugin_and_id(document, plugin_id, self._plugin_id)
        delays = poll_delays(timeout)
        while True:
            found = await self.get(document_id, plugin_id=plug)
            if found.finished:
                return found
            delay = next(delays, None)
            if delay is None:
                raise DocumentTimeoutError(found, timeout)
            await self._transport.sleep(delay)

    async def text(self, document_id: str, version: int, *, plugin_id: str | None = None) -> str:
        """The stored text of one version, which citations' `start` and `end` count in."""
        plug = plugin_of(plugin_id, self._plugin_id)
        return await self._transport.send(_calls.document_text(plug, document_id, version))


class AsyncSessions:
    """Conversations: pass a `session_id` to `chat` to go on with one."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPager[Session]:
        """All sessions, `limit` to a page, fetched as they are iterated with `async for`; without their messages."""
        return AsyncPager(_calls.list_sessions(limit, cursor), self._transport.send)

    async def get(self, session_id: str) -> Session:
        """One session with its messages."""
        return await self._transport.send(_calls.get_session(session_id))

    async def delete(self, session_id: str) -> None:
        await self._transport.send(_calls.delete_session(session_id))


class AsyncKeys:
    """The organisation's API keys; for a key of full permission for the whole organisation, without limits."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPager[ApiKey]:
        """All keys, the revoked ones included, `limit` to a page, fetched as they are iterated."""
        return AsyncPager(_calls.list_keys(limit, cursor), self._transport.send)

    async def update(
        self,
        key_id: str,
        *,
        name: str = UNSET,
        requests_per_minute: int | None = UNSET,
        monthly_cap: Decimal | int | str | None = UNSET,
    ) -> ApiKey:
        """Another `name`, `requests_per_minute` or `monthly_cap` (credits); None lifts a limit, the rest stays."""
        return await self._transport.send(_calls.update_key(key_id, name, requests_per_minute, monthly_cap))

    async def rotate(self, key_id: str, *, overlap_seconds: int = DAY) -> NewApiKey:
        """A new secret at once; the one before stays good for the overlap (0 to 7 days). Never tried twice."""
        return await self._transport.send(_calls.rotate_key(key_id, overlap_seconds))

    async def revoke(self, key_id: str) -> ApiKey:
        """When this returns, the key is refused everywhere."""
        return await self._transport.send(_calls.revoke_key(key_id))


class AsyncCredits:
    """The organisation's credits."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def balance(self) -> Balance:
        return await self._transport.send(_calls.balance())

    def entries(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPager[LedgerEntry]:
        """All movements, `limit` to a page, fetched as they are iterated with `async for`."""
        return AsyncPager(_calls.list_entries(limit, cursor), self._transport.send)


class AsyncUsageLog:
    """What was metered."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def records(self, *, limit: int | None = None, cursor: str | None = None) -> AsyncPager[UsageRecord]:
        """All records, `limit` to a page, fetched as they are iterated with `async for`."""
        return AsyncPager(_calls.list_records(limit, cursor), self._transport.send)
