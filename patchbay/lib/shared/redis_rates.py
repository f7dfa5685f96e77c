"""Rates in Redis: one script call for all requests of one turn of the event loop, the epoch in the same answer."""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
import structlog

from patchbay.lib.epoch import EVERYONE
from patchbay.lib.shared.contracts import Rate, Taken
from patchbay.lib.shared.epoch import SharedEpoch, told
from patchbay.lib.shared.link import Command, Link, away
from patchbay.lib.shared.scripts import CHANGES, EPOCH, PREFIX, RENEW, TAKE, TAKE_SHA

MAX_BATCH = 256
_SECONDS = 1e-6
_Waiting = tuple["asyncio.Future[Taken]", Sequence[Rate]]

log = structlog.get_logger(__name__)


class RedisRates:
    """Takes over `link`; `epoch` is told what every answer says of changes before the takers get theirs."""

    def __init__(self, link: Link, epoch: SharedEpoch) -> None:
        self.link = link
        self._epoch = epoch
        self._waiting: list[_Waiting] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def take_now(self, rates: Sequence[Rate]) -> Taken | None:
        """Never: another process may have taken."""
        return None

    async def take(self, rates: Sequence[Rate]) -> Taken:
        """Take with all who ask in this turn of the loop."""
        if not self.link.connected:
            await self.link.ready()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Taken] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((future, rates))
        if len(self._waiting) == MAX_BATCH:
            self._send(self._waiting)
            self._waiting = []
        return await future

    def _flush(self) -> None:
        if self._waiting:
            self._send(self._waiting)
            self._waiting = []

    def _send(self, batch: list[_Waiting]) -> None:
        asked = self._epoch.mark()
        self.link.send(_command(batch, asked)).add_done_callback(lambda reply: self._answer(batch, asked, reply))

    def _answer(self, batch: list[_Waiting], asked: int, future: "asyncio.Future[Any]") -> None:
        if (error := future.exception()) is not None:
            return _fail(batch, error)
        reply = future.result()
        if not isinstance(reply, hiredis.ReplyError):
            self._epoch.follow(asked, told(reply))
            return _share(batch, reply)
        if str(reply).startswith("NOSCRIPT"):
            task = asyncio.create_task(self._load_and_send(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return None
        log.warning("redis_refused", command="EVALSHA", reply=str(reply))
        return _fail(batch, away())

    async def _load_and_send(self, batch: list[_Waiting]) -> None:
        """Redis knows nothing of before: say so to everyone by the epoch, and only then let calls through."""
        try:
            await self.link.call("EVAL", RENEW, 2, EPOCH, CHANGES, 0, EVERYONE)
            await self.link.call("SCRIPT", "LOAD", TAKE)
        except Exception as error:
            return _fail(batch, error)
        self._send(batch)
        return None


def _command(batch: list[_Waiting], asked: int) -> Command:
    keys: list[str | int] = [EPOCH, CHANGES]
    arguments: list[str | int] = [asked]
    for _, rates in batch:
        arguments.append(len(rates))
        for name, per_minute in rates:
            keys.append(f"{PREFIX}rate:{name}")
            arguments.append(per_minute)
    return ("EVALSHA", TAKE_SHA, len(keys), *keys, *arguments)


def _share(batch: list[_Waiting], reply: list[int]) -> None:
    at = 2
    for future, rates in batch:
        end = at + 1 + len(rates)
        if not future.done():  # its taker may have been cancelled
            future.set_result(Taken(reply[at] == 1, [used * _SECONDS for used in reply[at + 1 : end]]))
        at = end


def _fail(batch: list[_Waiting], error: BaseException) -> None:
    for future, _ in batch:
        if not future.done():
            future.set_exception(error)
