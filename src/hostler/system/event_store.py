"""The part of the event log that outlives the process: which numbers were given out, and the events worth keeping.

Knows: the tables of `events.db`, batches, retention. Does not know: the ring, readers, what a kind means. Writing
happens on the store's writing thread; nobody who publishes waits for the disk.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from hostler.errors import StorageError
from hostler.system.clock import Clock, SystemClock
from hostler.system.store import Connection, Migrations, Store

MIGRATIONS: Final = Migrations("events", Path(__file__).parent / "event_tables")
BLOCK: Final = 10_000
"""Numbers reserved at a time."""
MAX_WAITING: Final = 4096
"""Events that may wait for a disk that is slow or full; older ones are then not kept."""
MAX_DATA: Final = 64 << 10
"""Bytes of JSON up to which an event is kept."""
SWEEP_S: Final = 3600.0
_BATCH: Final = 512
_DAY_MS: Final = 86_400_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it was kept. `at` in unix ms, `data` JSON."""

    seq: int
    at: int
    kind: str
    data: str


@dataclass(frozen=True, slots=True)
class EventStoreStatistics:
    """Events that wait to be written, and those that were not kept (too large, or the disk could not follow)."""

    waiting: int
    dropped: int


class EventStore:
    """The tables of an open `events.db`. `put` and `reserve` may be called from any thread and never block for long.

    `days` and `rows` bound what is kept; 0: no bound.
    """

    def __init__(self, store: Store, *, days: int = 0, rows: int = 0, clock: Clock | None = None) -> None:
        self._store = store
        self._days, self._rows = days, rows
        self._clock: Clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._waiting: deque[StoredEvent] = deque()
        self._writing = False
        self._dropped = 0
        store.add_background(self.sweep)

    def begin(self) -> int:
        """Every number up to this one may have been used by an earlier process. Blocks. Raises StorageError."""
        rows = self._store.query("SELECT reserved FROM event_numbers")
        return cast("int", rows[0][0])

    def reserve(self, upto: int) -> Future[int]:
        """Let no later process use numbers up to `upto`; done when that is written. Raises StorageError when closed."""

        def job(connection: Connection) -> int:
            connection.execute("UPDATE event_numbers SET reserved = max(reserved, ?)", (upto,))
            return upto

        return self._store.submit(job)

    def put(self, event: StoredEvent) -> None:
        """Keep an event, soon. One that cannot be kept is counted, never an error: it has happened all the same."""
        with self._lock:
            if len(event.data) > MAX_DATA:
                self._dropped += 1
                return
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(event)
            if self._writing:
                return
            self._writing = True
        self._submit()

    def read(self, since: int = 0, *, limit: int = 1000, kinds: Sequence[str] = ()) -> list[StoredEvent]:
        """The newest `limit` events kept after `since`, oldest first. Blocks for the disk. Raises StorageError."""
        wanted = f"AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
        rows = self._store.query(
            f"SELECT seq, at, kind, data FROM events WHERE seq > ? {wanted} ORDER BY seq DESC LIMIT ?",
            (since, *kinds, limit),
        )
        return [StoredEvent(*cast("tuple[int, int, str, str]", row)) for row in reversed(rows)]

    def flush(self) -> None:
        """Return once what was put before is written, or cannot be. Blocks. Raises StorageError when closed."""
        with self._lock:
            again = bool(self._waiting) and not self._writing
            self._writing = self._writing or again
        if again:
            self._submit()
        while True:
            self._store.flush()
            with self._lock:
                if not self._writing:
                    return

    def statistics(self) -> EventStoreStatistics:
        """What waits and what was lost."""
        with self._lock:
            return EventStoreStatistics(len(self._waiting), self._dropped)

    def sweep(self, connection: Connection) -> float:
        """On the writing thread: forget what is too old or too much. Returns seconds until the next time."""
        with connection.transaction():
            if self._days:
                before = self._clock.time_ns() // 1_000_000 - self._days * _DAY_MS
                connection.execute("DELETE FROM events WHERE at < ?", (before,))
            if self._rows:
                connection.execute(
                    "DELETE FROM events WHERE seq <= (SELECT seq FROM events ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                    (self._rows,),
                )
        return SWEEP_S

    def _submit(self) -> None:
        try:
            self._store.submit(self._write).add_done_callback(self._written)
        except StorageError:  # closed: the process ends
            with self._lock:
                self._writing = False

    def _write(self, connection: Connection) -> frozenset[int]:
        """On the writing thread: the oldest waiting events, in one transaction. Returns their numbers."""
        with self._lock:
            batch = [self._waiting[index] for index in range(min(_BATCH, len(self._waiting)))]
        connection.executemany(
            "INSERT OR REPLACE INTO events (seq, at, kind, data) VALUES (?, ?, ?, ?)",
            [(event.seq, event.at, event.kind, event.data) for event in batch],
        )
        return frozenset(event.seq for event in batch)

    def _written(self, result: Future[frozenset[int]]) -> None:
        """On the writing thread, after the commit; what could not be written waits for the next event."""
        error = result.exception()
        with self._lock:
            if error is None:
                written = result.result()  # threads that publish at once may have put theirs in any order
                while self._waiting and self._waiting[0].seq in written:
                    self._waiting.popleft()
            self._writing = again = error is None and bool(self._waiting)
        if error is not None:
            _log.warning("events are not kept for now: %s", error)
        elif again:
            self._submit()
