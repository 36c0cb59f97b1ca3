"""One stream of server-sent events per tab: how things stand, then what happens, a frame at a time.

Knows: the frames, when they are due, readers that are late or slow. Does not know: what events mean, how the state is
found, who may read. It runs on the loop that serves the connections; the log may be told things from any thread.

A tab has no queue, only its place in the log, and is written to only while its connection takes bytes: what it missed
beyond the log's ring it gets as a gap and a fresh snapshot. Tabs that stand at the same place share one frame, whose
events were written as JSON when they happened, so a further tab costs one write.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import parse_qs

import msgspec

from hostler.errors import Draining, HostlerError, MethodNotAllowed, QueueFull
from hostler.system.event_log import Event, EventLog, Gap, Listener
from hostler.system.http_server import Exchange

FRAME_S: Final = 0.016
"""Seconds between two frames of a tab: one picture of a screen with 60 a second."""
KEEP_ALIVE_S: Final = 15.0
MAX_STREAMS: Final = 256
FRAME_BYTES: Final = 512 << 10
"""Bytes of events after which a frame is full; the rest comes with the next one."""
RETRY_MS: Final = 1000
"""What a page is told to wait before it comes back."""
MOST_DIGITS: Final = 18
HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
)
_JSON: Final = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_BEAT: Final = b": keep-alive\n\n"

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """Streams that are open now; frames and bytes written since the start, keep-alives left out."""

    streams: int
    frames: int
    bytes: int


@dataclass(slots=True, eq=False)
class _Tab:
    exchange: Exchange
    at: int
    """The last event that it was told of."""
    paused: bool = False
    """Its connection takes no more for now."""


@dataclass(frozen=True, slots=True)
class _Frame:
    data: bytes
    last: int
    """Where a tab stands that was given it."""


class EventStream:
    """Answers `GET /hostler/api/events`. Belongs to the loop's thread."""

    def __init__(
        self,
        events: EventLog,
        state: Callable[[], object],
        *,
        frame_s: float = FRAME_S,
        keep_alive_s: float = KEEP_ALIVE_S,
        max_streams: int = MAX_STREAMS,
    ) -> None:
        """`state` makes a snapshot that `msgspec` can write; it is asked on the loop, once for all who need it."""
        self._events = events
        self._state = state
        self._frame_s, self._keep_alive_s, self._max_streams = frame_s, keep_alive_s, max_streams
        self._tabs: dict[Exchange, _Tab] = {}
        self._listener: Listener | None = None
        self._due: asyncio.Handle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._next_frame = 0.0
        self._draining = False
        self._frames = self._bytes = 0

    def answer(self, exchange: Exchange) -> None:
        """Begin a stream, behind `Last-Event-ID` or `?since=` where the log still holds what came after it."""
        refusal = self._refusal(exchange)
        if refusal is not None:
            exchange.respond(refusal.status, _JSON, _error(refusal))
            return
        if exchange.method == "HEAD":
            exchange.respond(200, HEADERS, b"")
            return
        place = _place(exchange)
        # made first: if the state cannot be told, the answer is an error and no stream has begun
        frame = self._snapshot() if place is None else self._frame(place, {})
        tab = _Tab(exchange, frame.last if frame else cast("int", place))
        exchange.on_disconnect = lambda: self._leave(exchange)
        exchange.on_writable = lambda yes: self._writable(tab, yes)
        self._tabs[exchange] = tab
        if self._listener is None:
            self._begin()
        exchange.start(200, HEADERS)
        exchange.write(b"retry: %d\n\n%b" % (RETRY_MS, frame.data if frame else b""))
        if frame is not None:
            self._count(frame)
        self._schedule()

    def drain(self) -> None:
        """End all streams in good order, and refuse new ones: a server that drains would wait for them for ever."""
        self._draining = True
        for tab in tuple(self._tabs.values()):
            tab.exchange.end()
        self._tabs.clear()
        self._rest()

    async def close(self) -> None:
        """As `drain`; nothing is left that runs."""
        self.drain()

    def statistics(self) -> StreamStatistics:
        """Streams now, frames and bytes so far."""
        return StreamStatistics(len(self._tabs), self._frames, self._bytes)

    # ------------------------------------------------------------------ frames

    def _flush(self) -> None:
        """Bring every tab that takes bytes up to date: one frame each."""
        self._due = None
        if self._listener is None:
            return
        self._listener.rearm()
        self._next_frame = asyncio.get_running_loop().time() + self._frame_s
        frames: dict[int, _Frame | None] = {}
        more = False
        for tab in tuple(self._tabs.values()):
            if not tab.paused:
                more = self._bring(tab, frames) or more
        if more:
            self._schedule()

    def _bring(self, tab: _Tab, frames: dict[int, _Frame | None]) -> bool:
        """Write the frame of the tab's place, if there is one. True when there is more for it."""
        try:
            frame = self._frame(tab.at, frames)
        except Exception:  # noqa: BLE001  # the named edge of a stream: whatever the state's parts raise, others go on
            _log.exception("a tab could not be told how things stand")
            self._leave(tab.exchange)
            tab.exchange.abort()
            return False
        if frame is None:
            return False
        tab.at = frame.last
        self._count(frame)
        tab.exchange.write(frame.data)
        return frame.last < self._events.last

    def _frame(self, at: int, frames: dict[int, _Frame | None]) -> _Frame | None:
        """What a tab at this place is owed, made once for all that stand there; None: nothing."""
        if at not in frames:
            frames[at] = self._make(at, frames)
        return frames[at]

    def _make(self, at: int, frames: dict[int, _Frame | None]) -> _Frame | None:
        found = self._events.tail(at, max_bytes=FRAME_BYTES)
        if not found:
            return None
        first, last = found[0], found[-1]
        if isinstance(first, Gap) or isinstance(last, Gap):
            lost = cast("Gap", first)
            fresh = frames.get(-1) or self._snapshot()
            frames[-1] = fresh  # no tab stands there: one snapshot for all that need one
            gap = b'event: gap\nid: %d\ndata: {"first":%d,"last":%d}\n\n' % (lost.last, lost.first, lost.last)
            return _Frame(gap + fresh.data, fresh.last)
        body = b",".join([cast("Event", event).json for event in found])
        return _Frame(b"event: events\nid: %d\ndata: [%b]\n\n" % (last.seq, body), last.seq)

    def _snapshot(self) -> _Frame:
        """How things stand. Its number is taken first: what happens meanwhile is told twice, never left out."""
        last = self._events.last
        body = msgspec.json.encode({"seq": last, "state": self._state()})
        return _Frame(b"event: snapshot\nid: %d\ndata: %b\n\n" % (last, body), last)

    def _count(self, frame: _Frame) -> None:
        self._frames += 1
        self._bytes += len(frame.data)

    # ------------------------------------------------------------------ time

    def _begin(self) -> None:
        """The first tab is there."""
        self._listener = self._events.listen(self._schedule)
        self._beat = asyncio.get_running_loop().call_later(self._keep_alive_s, self._keep_alive)

    def _rest(self) -> None:
        """The last tab is gone: nothing runs until one comes back."""
        if self._listener is not None:
            self._events.unlisten(self._listener)
        for handle in (self._due, self._beat):
            if handle is not None:
                handle.cancel()
        self._listener = self._due = self._beat = None

    def _schedule(self) -> None:
        """Have a frame made when the next one is due, for all tabs."""
        if self._due is not None or self._listener is None:
            return
        loop = asyncio.get_running_loop()
        wait = self._next_frame - loop.time()
        self._due = loop.call_later(wait, self._flush) if wait > 0 else loop.call_soon(self._flush)

    def _keep_alive(self) -> None:
        self._beat = asyncio.get_running_loop().call_later(self._keep_alive_s, self._keep_alive)
        for tab in tuple(self._tabs.values()):
            if not tab.paused:
                tab.exchange.write(_BEAT)

    # ------------------------------------------------------------------ tabs

    def _refusal(self, exchange: Exchange) -> HostlerError | None:
        if exchange.method not in ("GET", "HEAD"):
            return MethodNotAllowed("The event stream is read with GET.")
        if self._draining:
            return Draining("hostler is shutting down")
        if len(self._tabs) >= self._max_streams:
            return QueueFull(f"{self._max_streams} pages follow already.", hint="Close some of them.")
        return None

    def _writable(self, tab: _Tab, yes: bool) -> None:
        tab.paused = not yes
        if yes:
            self._schedule()

    def _leave(self, exchange: Exchange) -> None:
        self._tabs.pop(exchange, None)
        if not self._tabs:
            self._rest()


def _place(exchange: Exchange) -> int | None:
    """The number of the last event that the reader knows of; None when it names none that could be one."""
    header = exchange.header(b"last-event-id")
    text = parse_qs(exchange.query).get("since", [""])[0] if header is None else header.decode("latin-1")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None


def _error(error: HostlerError) -> bytes:
    return msgspec.json.encode({"error": {"code": error.code, "message": error.message, "hint": error.hint or ""}})
