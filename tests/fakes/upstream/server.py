"""The server: raw HTTP/1.1 on loopback, so that a client meets real sockets and every fault of one."""

import asyncio
import contextlib
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.fakes.upstream.edits import edit
from tests.fakes.upstream.scripts import Script, by_model, load
from tests.fakes.upstream.sending import send
from tests.fakes.upstream.vendors import VENDORS, Kind
from tests.fakes.upstream.writing import MAX_HEAD_BYTES, BadRequestError, Connection, GoneError, Request
from tests.fakes.vendors.answers import Answer, encode
from tests.fakes.vendors.checks import RefusedError

CONTROL = "/fake/"


@dataclass
class Call:
    """One call that passed every check, and the body bytes of its answer so far. `cut`: its connection ended first."""

    operation: str
    headers: dict[str, str]
    body: dict[str, Any]
    sent: bytearray = field(default_factory=bytearray)
    cut: bool = False


class Upstream:
    """A running fake. `calls` are those accepted (scripted errors too), `refused` what was said to the others."""

    def __init__(self, kind: Kind) -> None:
        self.vendor = VENDORS[kind]
        self.api_key = self.vendor.api_key
        self.calls: list[Call] = []
        self.refused: list[RefusedError] = []
        self.accepted_connections = 0
        self.open_connections = 0
        self.port = 0
        self._scripts: deque[Script] = deque()
        self._gates: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._asked: Counter[str] = Counter()
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """As the vendor's SDK takes it."""
        return f"http://127.0.0.1:{self.port}{self.vendor.base_path}"

    def then(self, *scripts: Script) -> None:
        """Answer the next calls by these scripts, before any that a model's name says."""
        self._scripts.extend(scripts)

    def open(self, gate: str = "gated") -> None:
        self._gates[gate].set()

    async def until_calls(self, count: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.calls) >= count)

    async def until_open_connections(self, count: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.open_connections <= count)

    async def listen(self, port: int = 0) -> None:
        """Take connections; again after `refuse_connections`, at the same address."""
        self._listener = await asyncio.start_server(
            self._accept, "127.0.0.1", port or self.port, limit=MAX_HEAD_BYTES, backlog=1024
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def refuse_connections(self) -> None:
        """End the open connections and refuse new ones."""
        if self._listener is not None:
            self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted_connections += 1
        self.open_connections += 1
        task = asyncio.ensure_future(self._serve(Connection(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection) -> None:
        try:
            while (request := await connection.request()) is not None:
                await self._exchange(connection, request)
        except (GoneError, ConnectionError, asyncio.IncompleteReadError):
            pass
        except BadRequestError as error:
            self.refused.append(RefusedError(400, str(error)))
            await connection.whole(400, self.vendor.error(400, str(error)), {"connection": "close"})
        finally:
            connection.close()
            self.open_connections -= 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _exchange(self, connection: Connection, request: Request) -> None:
        if request.path.startswith(CONTROL):
            await connection.whole(200, encode(self._control(request)), {})
            return
        try:
            operation, body = self._read(request)
            if body is None:
                await connection.whole(200, self._models(operation).body, {})
                return
            script, answer = self._answer(operation, body)
        except RefusedError as error:
            self.refused.append(error)
            refusal = self.vendor.error(error.status, error.message, error.field, error.code)
            await connection.whole(error.status, refusal, {self.vendor.id_header: "req_refused"})
            return
        call = Call(operation, request.headers, body)
        self.calls.append(call)
        await self._tell()
        call.cut = True
        await send(connection, script, answer, call.sent, self._gates[script.gate] if script.gate else None)
        call.cut = False

    def _read(self, request: Request) -> tuple[str, dict[str, Any] | None]:
        """Return operation and body (None: a GET) of a call that its vendor takes; RefusedError."""
        operation = request.path.partition("?")[0].removeprefix("/v1/")
        lists = operation.partition("/")[0] == "models"
        if not lists and operation not in self.vendor.operations:
            raise RefusedError(404, f"Unknown request URL: {request.method} {request.path}.")
        if request.method != ("GET" if lists else "POST"):
            raise RefusedError(405, f"Not allowed to {request.method} {request.path}.")
        if lists:
            self.vendor.check(operation, request.headers, None)
            return operation, None
        try:
            body = load(request.body)
        except ValueError as error:
            self.vendor.check(operation, request.headers, None)
            raise RefusedError(400, f"The body is not JSON: {error}.") from error
        if not isinstance(body, dict):
            raise RefusedError(400, "The body is not an object.")
        self.vendor.check(operation, request.headers, body)
        return operation, body

    def _answer(self, operation: str, body: dict[str, Any]) -> tuple[Script, Answer]:
        model = body["model"]
        script = by_model(model)
        if script is None:
            raise RefusedError(404, f"The model `{model}` does not exist.", "model", "model_not_found")
        if self._scripts:
            script = self._scripts.popleft()
        self._asked[model] += 1
        if script.flaky and self._asked[model] % 2 == 0:
            script = script.healthy()
        if script.status != 200:
            refusal = self.vendor.error(script.status, f"Scripted {script.status}.")
            return script, Answer(script.status, refusal, headers=dict(script.headers))
        answer = self.vendor.operations[operation](body, script.reply)
        answer.headers.update(script.headers)
        return script, edit(operation, script, answer, self.vendor.error_event)

    def _models(self, operation: str) -> Answer:
        name = unquote(operation.partition("/")[2])
        if name and by_model(name) is None:
            raise RefusedError(404, f"The model `{name}` does not exist.", "model", "model_not_found")
        listed = self.vendor.models([name] if name else list(self.vendor.listed))
        return Answer(body=encode(load(listed.body)["data"][0])) if name else listed

    def _control(self, request: Request) -> dict[str, int]:
        """The door for a test in another process: `POST /fake/gates/NAME` opens one; always the state is told."""
        what, _, name = request.path.removeprefix(CONTROL).partition("/")
        if what == "gates" and request.method == "POST":
            self.open(unquote(name))
        return {
            "calls": len(self.calls),
            "cut": sum(call.cut for call in self.calls),
            "refused": len(self.refused),
            "accepted_connections": self.accepted_connections,
            "open_connections": self.open_connections - 1,  # without the one that asks
        }


@contextlib.asynccontextmanager
async def upstream(kind: Kind, port: int = 0) -> AsyncIterator[Upstream]:
    """Serve a fake on loopback for the length of the block."""
    fake = Upstream(kind)
    await fake.listen(port)
    try:
        yield fake
    finally:
        await fake.refuse_connections()
