"""What happened, in order: events with sequence numbers in a bounded ring, and readers that follow it.

Knows: order, bounds, readers in any thread or loop, how an event is written as JSON (once, when it happens). Does not
know what a kind means, nor which are worth keeping (it is told), nor the tables they are kept in (event_store).

A reader has no queue of its own, only its place in the ring: one that is too slow is told which events it missed
(`Gap`), and nothing waits for it. With a store, no number is ever given out twice, however the process ended: numbers
are reserved in blocks, each written before its first number is used.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Set
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import msgspec

from hostler.errors import StorageError
from hostler.system.clock import Clock, SystemClock
from hostler.system.event_store import BLOCK, EventStore, StoredEvent

CAPACITY: Final = 8192
"""Events kept unless asked otherwise."""
MAX_BYTES: Final = 16 << 20
"""Bytes of JSON kept unless asked otherwise; the newest event is kept whatever its size."""
SKIPPED: Final = 1_000_000
"""Numbers left out at a restart."""
_STEP: Final = 256
_MS: Final = 1_000_000

_log = logging.getLogger(__name__)


class _Wire(msgspec.Struct):
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `seq` grows by 1 while a process runs; `at` wall clock in unix ms."""

    seq: int
    at: int
    kind: str
    """Dotted and stable, for example `engine.ready`."""
    json: bytes
    """The whole event: {"seq", "at", "kind", "data"}; never secrets."""

    @property
    def data(self) -> Mapping[str, object]:
        """What it tells, read anew from the JSON."""
        return msgspec.json.decode(self.json, type=_Wire).data


@dataclass(frozen=True, slots=True)
class Gap:
    """Events `first` to `last` were gone before the reader came to them: take a snapshot and go on behind `last`.

    `first` is 1 for a reader whose number was never given out: nothing that it knows counts.
    """

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class EventLogStatistics:
    """The newest sequence number, events and bytes of JSON kept, readers that follow, events published."""

    last: int
    kept: int
    readers: int
    bytes: int
    published: int


class Listener:
    """A loop's ear at the log: `callback` is called in its loop once there is news, and not again before `rearm`."""

    __slots__ = ("_callback", "_called", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._called = False

    def rearm(self) -> None:
        """Hear of the next news too. Read the log after this, not before."""
        self._called = False

    def tell(self) -> bool:
        """For the log: pass the news on, once. False when the loop is closed and will never hear of it."""
        if not self._called:
            self._called = True
            try:
                self._loop.call_soon_threadsafe(self._callback)
            except RuntimeError:
                return False
        return True


class EventLog:
    """The log of one process. `publish`, `tail` and `snapshot` may be called from any thread.

    With a `store`, numbers go on behind those of earlier processes, and events of the kinds in `stored` are kept.
    """

    def __init__(
        self,
        capacity: int = CAPACITY,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Clock | None = None,
        store: EventStore | None = None,
        stored: Set[str] = frozenset(),
        block: int = BLOCK,
    ) -> None:
        """Raises StorageError when the store cannot be written: without it, numbers might come again."""
        self._clock: Clock = clock or SystemClock()
        self._events: deque[Event] = deque()
        self._capacity, self._max_bytes = capacity, max_bytes
        self._bytes = self._published = 0
        self._store, self._stored, self._block = store, stored, block
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._encoder = msgspec.json.Encoder()
        used = store.begin() if store else 0
        # Numbers are left out: one, so that a reader which stands at the very last one used gets a gap as well (what
        # was true of the earlier process need not be of this one); the others for what a process may have used up
        # unreserved, because its disk was full.
        self._last = used + SKIPPED if used else 0
        self._reserved = store.reserve(self._last + block).result() if store else 0
        self._asked = self._reserved

    def publish(self, kind: str, data: Mapping[str, object] | msgspec.Struct | msgspec.Raw | None = None) -> int:
        """Add an event and wake the readers; never blocks for one. Returns its sequence number.

        `data` is written as JSON here and now, so it may change afterwards; `Raw` is JSON already. Raises TypeError
        when it is no JSON.
        """
        body = data if isinstance(data, msgspec.Raw) else self._encoder.encode({} if data is None else data)
        with self._lock:
            if self._store is not None and self._last + self._block // 2 >= self._asked:
                self._reserve(self._store)
            self._last += 1
            self._published += 1
            seq, at = self._last, self._clock.time_ns() // _MS
            json = b'{"seq":%d,"at":%d,"kind":"%b","data":%b}' % (seq, at, kind.encode(), body)
            self._events.append(Event(seq, at, kind, json))
            self._bytes += len(json)
            while len(self._events) > self._capacity or (self._bytes > self._max_bytes and len(self._events) > 1):
                self._bytes -= len(self._events.popleft().json)
            deaf = [listener for listener in self._listeners if not listener.tell()]
            if deaf:
                self._listeners = [listener for listener in self._listeners if listener not in deaf]
        if self._store is not None and kind in self._stored:
            self._store.put(StoredEvent(seq, at, kind, bytes(body).decode()))
        return seq

    def tail(self, since: int = 0, *, limit: int | None = None, max_bytes: int | None = None) -> list[Event | Gap]:
        """Events after sequence number `since`, oldest first, led by a Gap when some of them are gone.

        A `since` that was never given out, as a reader of another data folder may bring, gets a Gap and all there is.
        At most `limit` events, and no more after those that reach `max_bytes` of JSON; the rest comes with the next
        call.
        """
        with self._lock:
            events, last = self._events, self._last
            oldest = last - len(events) + 1
            lost = Gap(1, oldest - 1) if since > last else Gap(since + 1, oldest - 1) if since + 1 < oldest else None
            start = 0 if lost else since + 1 - oldest
            stop = len(events) if limit is None else min(start + limit, len(events))
            found: list[Event | Gap] = [lost] if lost else []
            size = 0
            for index in range(start, stop):
                event = events[index]
                found.append(event)
                size += len(event.json)
                if max_bytes is not None and size >= max_bytes:
                    break
        return found

    def snapshot(self) -> tuple[int, list[Event]]:
        """The newest sequence number and all events that are kept; go on with `subscribe(that number)`."""
        with self._lock:
            return self._last, list(self._events)

    @property
    def last(self) -> int:
        """The newest sequence number that was given out, by this process or an earlier one."""
        return self._last

    def listen(self, callback: Callable[[], None]) -> Listener:
        """Have `callback` called in this loop when there is news; see `Listener`. End it with `unlisten`."""
        listener = Listener(asyncio.get_running_loop(), callback)
        with self._lock:
            self._listeners.append(listener)
        return listener

    def unlisten(self, listener: Listener) -> None:
        """Do not call it any more. Twice is once."""
        with self._lock:
            self._listeners = [other for other in self._listeners if other is not listener]

    async def subscribe(self, since: int | None = None) -> AsyncGenerator[Event | Gap]:
        """Follow the log after `since` (None: from when the iteration starts), for ever.

        Close it with `contextlib.aclosing`, or cancel the task that iterates.
        """
        news = asyncio.Event()
        listener = self.listen(news.set)
        at = self._last if since is None else since
        try:
            while True:
                news.clear()
                listener.rearm()
                while found := self.tail(at, limit=_STEP):
                    for item in found:
                        at = item.last if isinstance(item, Gap) else item.seq
                        yield item
                await news.wait()
        finally:
            self.unlisten(listener)

    def statistics(self) -> EventLogStatistics:
        """How far the log is, and how many follow it."""
        with self._lock:
            return EventLogStatistics(self._last, len(self._events), len(self._listeners), self._bytes, self._published)

    def _reserve(self, store: EventStore) -> None:
        """Under the lock, half a block ahead of need: ask for the next one; the writing thread writes it."""
        self._asked = max(self._last, self._reserved) + self._block
        try:
            store.reserve(self._asked).add_done_callback(self._take)
        except StorageError:  # closed: the process ends
            self._asked = self._last + self._block

    def _take(self, result: Future[int]) -> None:
        """On the writing thread. After a failure the next try is half a block later: events go on all the same."""
        error = result.exception()
        if error is None:
            self._reserved = max(self._reserved, result.result())
        else:
            _log.warning("sequence numbers of events could not be reserved: %s", error)
