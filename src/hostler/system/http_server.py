"""Knows how to listen for HTTP/1.1, keep the connections, watch the clock for all of them, and drain.

Does not know: what the requests mean, routes, keys, models. Parsing is in `http_framing` and `http_chunks`, one
connection in `http_connection`, one request with its answer in `http_exchange`; callers import from here.
"""

import asyncio
import ssl as tls
from dataclasses import dataclass
from typing import Final

import msgspec

from hostler.system.http_connection import Connection, Handler, HeadCheck, Limits, OnRefusal
from hostler.system.http_exchange import Exchange, Headers
from hostler.system.http_framing import HeadReader
from hostler.system.prompt_write import TurnWrites
from hostler.system.sockets import spare_pacing

__all__ = ["Exchange", "Handler", "HeadCheck", "Headers", "HttpServer", "Limits", "OnRefusal", "ServerStatistics"]

_BACKLOG: Final = 2048
_CUT_TIME: Final = 5.0  # seconds in which the loop reports cut connections as lost: a few of its turns
_DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """Counts of one server: `connections` open and `running` exchanges now; `requests` and `refused` since the start.

    `requests` are those handed to the handler; `refused` those that the server or the head check turned away.
    """

    connections: int
    requests: int
    running: int
    refused: int


def plain_refusal(status: int, reason: str, exchange: Exchange | None) -> tuple[Headers, bytes]:
    """The reply to a refused request where the caller does not shape it: a small JSON body."""
    del exchange
    body = msgspec.json.encode({"error": {"message": reason, "code": status}})
    return ((b"content-type", b"application/json"),), body


class HttpServer:
    """An HTTP/1.1 server that calls `handler` with each complete request, and `head_check` before its body is read.

    A connection's next head is not checked again if it differs in the length alone, until `forget_heads`.
    `handler` must not block; it answers through the exchange, now or later. `head_check` may answer to refuse: the
    connection is closed after that. `on_refusal` shapes the replies that the server itself gives (it gets status,
    reason and, if the head could be read, the exchange, which it must not answer). An exception in handler or check
    goes to the loop's exception handler and becomes a 500, or a reset where the answer had begun.

    The attributes are for the server's connections; callers use `listen`, `drain`, `close` and `statistics`.
    """

    def __init__(
        self,
        handler: Handler,
        head_check: HeadCheck | None = None,
        *,
        limits: Limits = _DEFAULT_LIMITS,
        on_refusal: OnRefusal = plain_refusal,
    ) -> None:
        self.handler = handler
        self.head_check = head_check
        self.on_refusal = on_refusal
        self.limits = limits
        self.reader = HeadReader()
        self.loop: asyncio.AbstractEventLoop
        self.writes: TurnWrites
        self.now = 0.0
        self.draining = False
        self.epoch = 0
        self.requests = 0
        self.refused = 0
        self._connections: set[Connection] = set()
        self._listeners: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Event | None = None

    async def listen(self, host: str, port: int, *, ssl: tls.SSLContext | None = None, reuse_port: bool = False) -> int:
        """Accept connections on `host`; returns the port that was bound (`port` may be 0). May be called again.

        `reuse_port` lets several processes share the port. Raises OSError when the address cannot be bound.
        """
        if not self._listeners:
            self.loop = asyncio.get_running_loop()
            self.writes = TurnWrites(self.loop)
        listener = await self.loop.create_server(
            lambda: Connection(self),
            host,
            port,
            ssl=ssl,
            ssl_handshake_timeout=self.limits.head_timeout if ssl else None,
            backlog=_BACKLOG,
            reuse_port=reuse_port or None,
        )
        self._listeners.append(listener)
        for sock in listener.sockets:
            spare_pacing(sock)
        if self._timer is None:
            self._tick()
        bound: int = listener.sockets[0].getsockname()[1]
        return bound

    def statistics(self) -> ServerStatistics:
        """The counts of this moment."""
        running = sum(connection.busy for connection in self._connections)
        return ServerStatistics(len(self._connections), self.requests, running, self.refused)

    def forget_heads(self) -> None:
        """What head checks found no longer holds (a key was revoked): check every connection's next head anew."""
        self.epoch += 1

    async def drain(self, timeout: float) -> None:
        """Stop accepting, close idle connections, let running exchanges end for up to `timeout` seconds, then cut."""
        self.draining = True
        self.forget_heads()  # so that the next answer on each connection says that it closes
        self._stop_listening()
        self._emptied = asyncio.Event()
        for connection in tuple(self._connections):
            connection.drain()
        if self._connections:
            try:
                async with asyncio.timeout(timeout):
                    await self._emptied.wait()
            except TimeoutError:
                pass  # what has not ended by now is cut below
        self.close()
        if self._connections:
            async with asyncio.timeout(_CUT_TIME):
                await self._emptied.wait()

    def close(self) -> None:
        """Stop at once: listeners closed, connections cut, timer cancelled. The exchanges see their client go."""
        self.draining = True
        self.forget_heads()
        self._stop_listening()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in tuple(self._connections):
            connection.transport.abort()

    def opened(self, connection: Connection) -> None:
        """Count a connection in; one that was accepted while the listener closed is let go again."""
        self._connections.add(connection)
        if self.draining:
            connection.drain()

    def lost(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        if self._emptied is not None and not self._connections:
            self._emptied.set()

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _tick(self) -> None:
        interval = self.limits.tick
        self.now = self.loop.time()
        self._timer = self.loop.call_later(interval, self._tick)
        for connection in tuple(self._connections):
            connection.tick()
