"""The workbench as the gateway sees it: pages, the stream of events, and an API that is loaded when it is first asked.

Knows: which of its parts answers what. Does not know: who may call (the gateway has checked), what the parts say.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import msgspec

from hostler.errors import HostlerError, NotFound
from hostler.system.asgi import FAILED, AsgiApp, AsgiBridge
from hostler.system.http_server import Exchange
from hostler.workbench.static import StaticPages

EVENTS: Final = "/hostler/api/events"
SOCKETS: Final = "/hostler/api/ws/"
_JSON: Final = (b"content-type", b"application/json")
SAFETY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
)
"""Of every answer that does not say otherwise: an export that is opened as a page must not be one of ours."""

_log = logging.getLogger(__name__)


class Answers(Protocol):
    """Something that answers exchanges, and owns what runs for them."""

    def answer(self, exchange: Exchange) -> None: ...
    async def close(self) -> None: ...


class Lasting(Answers, Protocol):
    """Something whose answers go on until it is drained."""

    def drain(self) -> None: ...


class Rooms(Protocol):
    """What stands behind the pages. `make_api` builds the API's application; it is slow, and called in a thread."""

    @property
    def stream(self) -> Lasting: ...
    def make_api(self) -> AsgiApp: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """The API, once it is loaded; `sockets` takes its WebSockets."""

    bridge: AsgiBridge
    sockets: Lasting


class Workbench:
    """Give it to the gateway; `close` ends what runs."""

    def __init__(
        self,
        open_rooms: Callable[[], Awaitable[Rooms]],
        *,
        pages: StaticPages,
        scheme: Literal["http", "https"] = "http",
    ) -> None:
        """`open_rooms` is called with the first visitor; `scheme` is what browsers call by."""
        self._open_rooms = open_rooms
        self._pages = pages
        self._scheme: Literal["http", "https"] = scheme
        self._rooms: Rooms | None = None
        self._loaded: Loaded | None = None
        self._loading: asyncio.Task[None] | None = None
        self._waiting: list[Exchange] = []
        self._draining = False

    def page(self, exchange: Exchange, path: str) -> bool:
        """Serve the page or file at `path`; False, and no answer, where there is none."""
        return self._pages.answer(exchange, path)

    def api(self, exchange: Exchange) -> None:
        """Answer a request below /hostler/api/; the first ones wait until what answers them is loaded."""
        if exchange.path == EVENTS and self._rooms is not None:
            self._rooms.stream.answer(exchange)
        elif exchange.path != EVENTS and self._loaded is not None:
            _answer(exchange, self._loaded)
        else:
            self._waiting.append(exchange)
            if self._loading is None:
                self._loading = asyncio.get_running_loop().create_task(self._load())

    def drain(self) -> None:
        """End streams of events and WebSockets in good order: a server that drains would wait for them."""
        self._draining = True
        if self._loaded is not None:
            self._loaded.sockets.drain()
        if self._rooms is not None:
            self._rooms.stream.drain()

    async def close(self) -> None:
        """Cancel what still runs, and wait for its end."""
        if self._loading is not None:
            self._loading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loading
        self._waiting.clear()
        if self._loaded is not None:
            await self._loaded.bridge.close()
            await self._loaded.sockets.close()
        if self._rooms is not None:
            await self._rooms.close()

    async def _load(self) -> None:
        try:
            rooms = self._rooms or await self._open()
            app, handover = await asyncio.to_thread(_make, rooms)
        except Exception:  # noqa: BLE001  # the named edge of loading: whoever waits must hear of it, and may ask again
            _log.exception("the workbench could not be opened")
            self._loading = None  # before the answers: each lets the connection's next request in, which may load again
            for exchange in self._take_waiting():
                exchange.respond(500, [_JSON, *SAFETY], FAILED)
        else:
            self._loaded = Loaded(AsgiBridge(app, scheme=self._scheme, headers=SAFETY), handover(app))
            if self._draining:
                self._loaded.sockets.drain()
            self._loading = None
            for exchange in self._take_waiting():
                self.api(exchange)

    async def _open(self) -> Rooms:
        """Open the rooms, and let those in that follow the events: they need not wait for the API."""
        rooms = self._rooms = await self._open_rooms()
        if self._draining:
            rooms.stream.drain()
        for exchange in self._take_waiting():
            self.api(exchange)
        return rooms

    def _take_waiting(self) -> list[Exchange]:
        waiting, self._waiting = self._waiting, []
        return [exchange for exchange in waiting if not exchange.disconnected]


def _make(rooms: Rooms) -> tuple[AsgiApp, Callable[[AsgiApp], Lasting]]:
    # lazy: uvicorn and the API's framework cost 0.4 s and 40 MB, which a gateway alone does not pay
    from hostler.system.websocket_handover import WebSocketHandover

    return rooms.make_api(), WebSocketHandover


def _answer(exchange: Exchange, loaded: Loaded) -> None:
    if not exchange.path.startswith(SOCKETS):
        loaded.bridge.answer(exchange)
    elif exchange.wants_websocket:
        loaded.sockets.answer(exchange)
    else:
        error = NotFound("There are only WebSockets here.")
        exchange.respond(error.status, [_JSON, *SAFETY], _body(error))


def _body(error: HostlerError) -> bytes:
    return msgspec.json.encode({"error": {"code": error.code, "message": error.message, "hint": error.hint or ""}})
