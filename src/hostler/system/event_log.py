"""What happened, in order: events with sequence numbers in a bounded ring, and readers that follow it.

Knows: order, bounds, readers in any thread or loop. Does not know what a kind means. In memory for now; a stored log
and the browser's stream will read it through the same `tail` and `subscribe`.

A reader has no queue of its own, only its place in the ring: one that is too slow is told which events it missed
(`Gap`), and nothing waits for it.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hostler.system.clock import Clock, SystemClock

CAPACITY: Final = 4096
"""Events kept unless asked otherwise."""
_STEP: Final = 256


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `seq` is 1, 2, ... without holes; `at` wall clock in unix ns."""

    seq: int
    at: int
    kind: str
    """Dotted and stable, for example `engine.ready`."""
    data: Mapping[str, object]
    """JSON-able; never secrets."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events `first` to `last` were gone before the reader came to them: take a snapshot and go on."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class EventLogStatistics:
    """The newest sequence number, events kept, and readers that follow."""

    last: int
    kept: int
    readers: int


@dataclass(slots=True, eq=False)
class _Reader:
    loop: asyncio.AbstractEventLoop
    news: asyncio.Event = field(default_factory=asyncio.Event)
    called: bool = False
    """Whether a wake-up is on its way: one is enough for any number of events."""

    def wake(self) -> None:
        self.called = False
        self.news.set()


class EventLog:
    """The log of one process. `publish`, `tail` and `snapshot` may be called from any thread."""

    def __init__(self, capacity: int = CAPACITY, *, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._events: deque[Event] = deque(maxlen=capacity)
        self._last = 0
        self._lock = threading.Lock()
        self._readers: list[_Reader] = []

    def publish(self, kind: str, data: Mapping[str, object] | None = None) -> int:
        """Add an event and wake the readers; never blocks for one. Returns its sequence number."""
        with self._lock:
            self._last += 1
            self._events.append(Event(self._last, self._clock.time_ns(), kind, data or {}))
            for reader in [r for r in self._readers if not r.called]:
                reader.called = True
                try:
                    reader.loop.call_soon_threadsafe(reader.wake)
                except RuntimeError:  # its loop is closed, so it will never come back
                    self._readers.remove(reader)
            return self._last

    def tail(self, since: int = 0, *, limit: int | None = None) -> list[Event | Gap]:
        """Events after sequence number `since`, oldest first, led by a Gap when some of them are gone.

        A `since` from the future, as a reader of an earlier process may bring, counts as 0.
        """
        with self._lock:
            if since > self._last:
                since = 0
            oldest = self._last - len(self._events) + 1
            start = max(since + 1 - oldest, 0)
            stop = len(self._events) if limit is None else min(start + limit, len(self._events))
            found: list[Event | Gap] = [self._events[index] for index in range(start, stop)]
        if since + 1 < oldest:
            found.insert(0, Gap(since + 1, oldest - 1))
        return found

    def snapshot(self) -> tuple[int, list[Event]]:
        """The newest sequence number and all events that are kept; go on with `subscribe(that number)`."""
        with self._lock:
            return self._last, list(self._events)

    async def subscribe(self, since: int | None = None) -> AsyncGenerator[Event | Gap]:
        """Follow the log after `since` (None: from when the iteration starts), for ever.

        Close it with `contextlib.aclosing`, or cancel the task that iterates.
        """
        reader = _Reader(asyncio.get_running_loop())
        with self._lock:
            at = self._last if since is None else since
            self._readers.append(reader)
        try:
            while True:
                reader.news.clear()
                while found := self.tail(at, limit=_STEP):
                    for item in found:
                        at = item.last if isinstance(item, Gap) else item.seq
                        yield item
                await reader.news.wait()
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._readers.remove(reader)

    def statistics(self) -> EventLogStatistics:
        """How far the log is, and how many follow it."""
        with self._lock:
            return EventLogStatistics(self._last, len(self._events), len(self._readers))
