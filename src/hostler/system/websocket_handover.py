"""Hands connections over for good to uvicorn's WebSocket protocol, which speaks to an ASGI application.

Knows: how that protocol is built (uvicorn is pinned; its contract is test_websocket_handover.py) and how its
connections and tasks end with ours. Does not know: which paths are WebSockets, who may open one.
Importing this loads uvicorn, so whoever needs it imports it late.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast  # edge: uvicorn types its application loosely

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from hostler.system.asgi import AsgiApp
from hostler.system.http_exchange import Exchange, OnLost

MOST_BYTES: Final = 1 << 20
"""Of one message from a browser: keys that are typed, and now and then something pasted."""
PING_S: Final = 20.0
"""Seconds between two pings, and for which a pong is waited."""


class WebSocketHandover:
    """Takes exchanges that ask for a WebSocket; owns what runs on them until `close`."""

    def __init__(self, app: AsgiApp) -> None:
        self._draining = False
        self._state = ServerState()
        self._config = Config(
            cast("Callable[..., Any]", app),
            http=asyncio.Protocol,  # never used; a class is not imported by name
            ws=WebSocketsSansIOProtocol,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            ws_max_size=MOST_BYTES,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
        )
        self._config.load()

    def answer(self, exchange: Exchange) -> None:
        """Let the application have the connection; whether it opens is for the application to say."""
        heir = _WebSocket(self._config, self._state, head=head_of(exchange))
        exchange.give_away(heir)
        if self._draining:
            heir.shutdown()

    @property
    def open(self) -> int:
        """Connections that were handed over and live."""
        return len(self._state.connections)

    def drain(self) -> None:
        """Take leave on every connection, and of each that comes."""
        self._draining = True
        for connection in tuple(self._state.connections):
            cast(_WebSocket, connection).shutdown()

    async def close(self) -> None:
        """As `drain`; cancel what still runs, and wait for the end."""
        self.drain()
        tasks = tuple(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _WebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol, begun on a transport whose first request was read already."""

    def __init__(self, config: Config, state: ServerState, *, head: bytes) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self._head = head
        self._leaving = False
        self._on_lost: OnLost | None = None

    def begin(self, transport: asyncio.Transport, held: bytes, *, on_lost: OnLost) -> None:
        self._on_lost = on_lost
        transport.set_protocol(self)
        self.connection_made(transport)
        self.data_received(self._head + held)

    def shutdown(self) -> None:
        """Take leave. Once: the workbench drains, and then the server."""
        if not self._leaving and self._on_lost is not None:
            self._leaving = True
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost(exc)


def head_of(exchange: Exchange) -> bytes:
    """The request's head anew: the next reader shall see what we have understood, and nothing that we have not."""
    lines = [b"%b: %b\r\n" % field for field in exchange.headers]
    return f"{exchange.method} {exchange.target} HTTP/1.1\r\n".encode("latin-1") + b"".join(lines) + b"\r\n"
