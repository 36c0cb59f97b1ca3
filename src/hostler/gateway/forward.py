"""A gateway worker's plain pages: what the owner of the data folder alone can answer is asked of its private port.

Knows: which requests go there, and how one is passed on. Does not know: what the pages say. The owner checks host,
origin, key and token once more, on the client's own headers.
"""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Final

from hostler.core.wires import OPENAI_CHAT
from hostler.errors import HostlerError, NotFound, UpstreamError, UpstreamUnreachable
from hostler.gateway.routes import Plain
from hostler.routing.answer import JSON_TYPE
from hostler.system.http_server import Exchange, Handler
from hostler.system.tunnel import open_tunnel
from hostler.system.upstream import Door, Headers, Patience, Receiver, UpstreamConnection
from hostler.wire.codecs import codec_of

_PATIENCE: Final = Patience(idle=0.0)
"""The owner may take long to start an engine, and lives as long as we do."""
_HOP: Final = frozenset(
    (b"connection", b"content-length", b"expect", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
"""Header fields that are a connection's own, and not passed on."""


class Forward:
    """Give `handle` to an HttpServer whose head check is the gateway's."""

    def __init__(self, handle: Handler, door: Door) -> None:
        """`handle` takes what is not passed on; `door` leads to the owner."""
        self._handle = handle
        self._door = door
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, exchange: Exchange) -> None:
        """Answer a complete request whose head was found good."""
        place = exchange.head.context.place
        if isinstance(place, Plain) and place.page != "health":
            work = self._join(exchange) if exchange.wants_websocket else self._pass_on(exchange)
            self._begin(work, exchange)
        else:
            self._handle(exchange)

    def _begin(self, work: Coroutine[object, object, None], exchange: Exchange) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        exchange.on_disconnect = partial(_cancel, task)

    async def _pass_on(self, exchange: Exchange) -> None:
        try:
            connection = self._door.take_nowait() or await self._door.connect()
        except UpstreamError as error:
            refuse(exchange, error)
            return
        answer = _Answer(exchange, connection)
        connection.send(_message(exchange), answer, _PATIENCE)

    async def _join(self, exchange: Exchange) -> None:
        """Give the client's connection to the owner for good."""
        try:
            tunnel = await open_tunnel(self._door.address)
        except OSError as error:
            refuse(exchange, UpstreamUnreachable(f"The owner of the data folder does not answer: {error}."))
            return
        # an owner that refuses closes: what came behind would else reach it past this process
        tunnel.take(exchange, _message(exchange, b"connection: upgrade, close\r\nupgrade: websocket\r\n"))


class OwnersWorkbench:
    """Stands where a worker's gateway asks whether there is a workbench: what it would answer was passed on before."""

    def page(self, exchange: Exchange, path: str) -> bool:
        """Nothing of the worker's own."""
        del exchange, path
        return False

    def api(self, exchange: Exchange) -> None:
        """As `page`; whoever gets here has gone round `Forward`."""
        refuse(exchange, NotFound("The workbench is the owner's."))

    def drain(self) -> None:
        """The owner ends its streams itself."""


class _Answer(Receiver):
    """Takes the owner's answer: whole where it says its length, else piece by piece."""

    def __init__(self, exchange: Exchange, connection: UpstreamConnection) -> None:
        self._exchange = exchange
        self._connection = connection
        self._status = 0
        self._headers: Headers = []
        self._whole = True
        self._chunks: list[bytes] = []
        exchange.on_disconnect = connection.abort

    def on_head(self, status: int, headers: Headers) -> None:
        self._status = status
        self._headers = [(name, value) for name, value in headers if name not in _HOP]
        self._whole = any(name == b"content-length" for name, _ in headers)
        if not self._whole:
            self._exchange.on_writable = self._connection.set_reading
            self._exchange.start(status, self._headers)
            if self._exchange.method == "HEAD":  # its head is all; the body of a GET may never end
                self._exchange.end()
                self._connection.abort()

    def on_body(self, data: bytes) -> None:
        if self._whole:
            self._chunks.append(data)
        else:
            self._exchange.write(data)

    def on_complete(self) -> None:
        if self._whole:
            self._exchange.respond(self._status, self._headers, b"".join(self._chunks))
        else:
            self._exchange.end()

    def on_failed(self, error: UpstreamError) -> None:
        if self._exchange.answering:
            self._exchange.abort()
        else:
            refuse(self._exchange, error)


def refuse(exchange: Exchange, error: HostlerError) -> None:
    """Answer with an error."""
    exchange.respond(error.status, [JSON_TYPE], codec_of(OPENAI_CHAT).encode_error(error, ""))


def _message(exchange: Exchange, own: bytes = b"") -> bytes:
    """The client's request, with `own` lines for what was its connection's. HEAD is asked as GET: we cut the body."""
    method = "GET" if exchange.method == "HEAD" else exchange.method
    lines = [b"%b: %b\r\n" % header for header in exchange.headers if header[0] not in _HOP]
    if exchange.header(b"host") is None:  # HTTP/1.0 may go without
        lines.append(b"host: localhost\r\n")
    if exchange.body:
        lines.append(b"content-length: %d\r\n" % len(exchange.body))
    request = f"{method} {exchange.target} HTTP/1.1\r\n".encode("latin-1")
    return b"%b%b%b\r\n%b" % (request, b"".join(lines), own, exchange.body)


def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
