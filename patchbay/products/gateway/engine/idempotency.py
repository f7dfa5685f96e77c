"""A request with an `Idempotency-Key`: answered once, charged once, and answered again with the same bytes."""

import hashlib
from types import TracebackType
from typing import Self

from patchbay.lib.asgi.request import Request
from patchbay.lib.errors import FieldError, InvalidError
from patchbay.lib.pool import BlockingPool
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine.metering import Meter

KEY_LENGTH = 255


def read_idempotency_key(request: Request) -> str | None:
    """Return the request's key, None when it has none; InvalidError for one that cannot be used."""
    key = request.header(b"idempotency-key")
    if key is not None and not (0 < len(key) <= KEY_LENGTH and key.isascii() and key.isprintable()):
        fault = FieldError("Idempotency-Key", f"Use 1 to {KEY_LENGTH} printable ASCII characters.")
        raise InvalidError("The idempotency key cannot be used.", fields=(fault,))
    return key


def fingerprint(request: Request, caller: Caller, body: bytes) -> str:
    """Return what a repeat has in common with its first request: where, what, and what the key may ask.

    An organisation's keys share its idempotency keys; the same body asks another plug by another plug's key, and a test
    key's answer is the built-in model's.
    """
    parts = (request.path, caller.environment, caller.plug_id or "")
    return hashlib.sha256("\0".join(parts).encode() + b"\0" + body).hexdigest()


class Retry:
    """Claims a key durably for the block; gives the claim back unless the block set `settled`.

    `response` is what was answered before. ConflictError while the first request is still at work, InvalidError when
    it had another fingerprint.
    """

    def __init__(
        self, meter: Meter, pool: BlockingPool, organisation_id: str, idempotency_key: str, fingerprint: str
    ) -> None:
        self.claim_id = ""
        self.response: bytes | None = None
        self.settled = False
        self._meter = meter
        self._pool = pool
        self._names = (organisation_id, idempotency_key, fingerprint)

    async def __aenter__(self) -> Self:
        claim = await self._pool.run(self._meter.claim, *self._names)
        self.claim_id, self.response = claim.id, claim.response
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.response is None and not self.settled:
            await self._pool.finish(self._meter.abandon, self.claim_id)
