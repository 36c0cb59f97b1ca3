"""Folds journals into the tables `requests` and `attempts`, each line exactly once, whatever dies in between.

Knows: the tables, how far each segment is folded, what is open, retention. Does not know who writes the lines, and
runs on the store's writing thread only, in steps so small that the loop never waits long for the interpreter.

Exactly once: a segment's position is stored in the transaction that stores the rows of its lines. Open requests are
kept in memory; they are found again by reading a segment's folded part anew, and those that outlive their segment
are stored with the position that finishes it. After any failure the memory is dropped and found again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from hostler.accounts.ledger import DAMAGE, Line
from hostler.accounts.ledger_kinds import Kinds, delete_unused_kinds
from hostler.accounts.ledger_open import OpenRequests
from hostler.accounts.ledger_rows import Rows
from hostler.settings import LogSettings
from hostler.system.clock import Clock, SystemClock
from hostler.system.files import storage_errors
from hostler.system.journal import Journal, SegmentReader, is_written, journal_files, journal_names, remove_journal
from hostler.system.store import Connection, Store

BATCH: Final = 2048
"""Requests per transaction, about."""
BLOCK: Final = 128 << 10
"""Bytes of lines decoded in one go: about 0.3 ms in which no other thread runs."""
BUSY_PAUSE_S: Final = 0.2
IDLE_PAUSE_S: Final = 1.0
RETENTION_PAUSE_S: Final = 600.0
RETENTION_CHUNK: Final = 1000
KEY_USE_PAUSE_S: Final = 60.0
_DAY_US: Final = 86_400_000_000

_log = logging.getLogger(__name__)
_decoder: Final = msgspec.json.Decoder(Line)


@dataclass(frozen=True, slots=True)
class FoldStatistics:
    """What was folded since the start, and what is open now. `damaged` and `stray` lines were left out."""

    requests: int
    open: int
    damaged: int
    stray: int


@dataclass(slots=True)
class _Writer:
    """One journal as far as it is folded; `reader`: the segment in use, None between two."""

    name: str
    open: OpenRequests
    reader: SegmentReader | None = None

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()
            self.reader = None


@dataclass(slots=True)
class _Progress:
    """What one transaction has to store beside rows."""

    positions: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    open: list[tuple[str, list[bytes]]] = field(default_factory=list[tuple[str, list[bytes]]])
    finished: list[Path] = field(default_factory=list[Path])
    more: bool = False


class LedgerFold:
    """Folds all journals of a folder into a store's tables. One per data folder, in the process that owns it."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        *,
        log: LogSettings | None = None,
        journal: Journal | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`journal` is this process's own, whose next segment is created ahead here."""
        self._store = store
        self._folder = folder
        self._log = log or LogSettings()
        self._journal = journal
        self._clock: Clock = clock or SystemClock()
        self._writers: dict[str, _Writer] = {}
        self._forget: list[str] = []
        self._rows: Rows | None = None
        self._kinds: Kinds | None = None
        self._used: dict[str, int] = {}
        self._use_due = 0.0
        self._retention_due = 0.0
        self._folded = 0
        self._damaged = 0
        self._stray = 0

    def start(self) -> None:
        """Fold from now on in the background, beginning with what dead processes left."""
        self._store.add_background(self._step)

    def flush(self) -> None:
        """Return when every line appended before is in the tables; blocks. Raises StorageError."""
        self._store.submit(self._fold_all, transaction=False).result()

    def statistics(self) -> FoldStatistics:
        """Counts since the start; a snapshot that may be a moment old."""
        writers = list(self._writers.values())
        stray = self._stray + sum(w.open.stray for w in writers)
        return FoldStatistics(self._folded, sum(len(w.open) for w in writers), self._damaged, stray)

    def _step(self, connection: Connection) -> float:
        if self._journal is not None:
            self._journal.prepare()
        folded, more = self.fold_batch(connection)
        if more:
            return 0.0
        if self._clock.monotonic() >= self._retention_due and not self.expire(connection):
            self._retention_due = self._clock.monotonic() + RETENTION_PAUSE_S
        return BUSY_PAUSE_S if folded else IDLE_PAUSE_S

    def _fold_all(self, connection: Connection) -> None:
        self._use_due = 0.0
        while self.fold_batch(connection)[1]:
            pass

    def fold_batch(self, connection: Connection) -> tuple[int, bool]:
        """Fold one batch. Returns the requests folded, and whether there may be more to do at once."""
        try:
            if self._rows is None:
                self._rows = self._open_tables(connection)
            rows, progress = self._rows, _Progress()
            with connection.errors():
                for name in journal_names(self._folder):
                    if rows.count >= BATCH:
                        progress.more = True
                        break
                    self._read(connection, name, progress=progress)
            folded = rows.count
            if folded or progress.positions or (self._used and self._clock.monotonic() >= self._use_due):
                self._commit(connection, rows, progress=progress)
            for path in progress.finished:
                self._remove_segment(path)
        except BaseException:
            self._reset()
            raise
        self._folded += folded
        return folded, progress.more

    def _reset(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        self._rows = self._kinds = None

    def _open_tables(self, connection: Connection) -> Rows:
        """Find where the tables end, and forget the positions of segments that are gone."""
        with connection.errors():
            self._kinds = Kinds(connection)
            last: int | None = connection.execute("SELECT max(id) FROM request_rows").fetchone()[0]
            known: list[tuple[str]] = connection.execute("SELECT segment FROM journal_positions").fetchall()
        self._forget = [segment for (segment,) in known if not (self._folder / segment).exists()]
        return Rows(last or 0)

    def _read(self, connection: Connection, name: str, *, progress: _Progress) -> None:
        """Take new lines of one journal, at most to the end of a segment."""
        rows = self._rows
        assert rows is not None
        written = is_written(self._folder, name)
        segments = journal_files(self._folder).get(name, [])  # in this order: what a dead writer left is all of it
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = self._restore(connection, name, segments=segments)
        reader = writer.reader or self._next_segment(connection, writer, segments=segments)
        if reader is None:
            if not written:
                self._stray += self._writers.pop(name).open.stray
                remove_journal(self._folder, name)
            return
        before = reader.position
        while rows.count < BATCH and (block := reader.read(BLOCK)):
            writer.open.take(self._decode(block), rows)
        full = rows.count >= BATCH
        finished = not full and (reader.is_finished() or not written)
        if finished:
            if not written and reader.path == segments[-1]:
                writer.open.interrupt(rows)
            progress.open.append((name, writer.open.lines()))
            progress.finished.append(reader.path)
            writer.close()
        if finished or reader.position != before:
            progress.positions.append((reader.path.name, reader.position, finished))
        progress.more |= full or finished

    def _restore(self, connection: Connection, name: str, *, segments: list[Path]) -> _Writer:
        """Find again what is open in a journal: stored lines, then the folded part of the segment in use."""
        assert self._kinds is not None
        writer, ignored = _Writer(name, OpenRequests(self._kinds, self._left_out)), Rows(0)
        stored = connection.execute("SELECT line FROM journal_open WHERE journal = ? ORDER BY id", (name,)).fetchall()
        for (line,) in stored:
            writer.open.take(self._decode(line), ignored)
        reader = self._next_segment(connection, writer, segments=segments)
        if reader is None:
            return writer
        position, reader.position = reader.position, 0
        while reader.position < position:
            block = reader.read(position - reader.position)
            if not block:
                # a power cut took what was folded already; standing still for it would lose the rest too
                _log.warning("%s is shorter than it was; requests open in it may be missing", reader.path)
                self._damaged += 1
                reader.position = position
                break
            writer.open.take(self._decode(block), ignored)
            ignored.clear()
        writer.open.stray = 0
        return writer

    def _next_segment(self, connection: Connection, writer: _Writer, *, segments: list[Path]) -> SegmentReader | None:
        """Open the first segment that is not finished; finished ones may lie there still."""
        for path in segments:
            found = connection.execute(
                "SELECT position, finished FROM journal_positions WHERE segment = ?", (path.name,)
            ).fetchone()
            position, finished = found or (0, 0)
            if not finished:
                writer.reader = SegmentReader(path, position)
                return writer.reader
            self._remove_segment(path)
        return None

    def _decode(self, block: bytes) -> Sequence[Line]:
        try:
            return _decoder.decode_lines(block)
        except DAMAGE:
            return self._decode_singly(block)

    def _decode_singly(self, block: bytes) -> list[Line]:
        lines: list[Line] = []
        for text in block.splitlines():
            try:
                lines.append(_decoder.decode(text))
            except DAMAGE as error:
                self._left_out(error)
        return lines

    def _left_out(self, error: Exception) -> None:
        if self._damaged == 0:
            _log.warning("a journal line was left out: %s", error)
        self._damaged += 1

    def _commit(self, connection: Connection, rows: Rows, *, progress: _Progress) -> None:
        used = self._keys_used(rows)
        with connection.transaction():
            rows.insert(connection)
            connection.executemany("DELETE FROM journal_positions WHERE segment = ?", [(n,) for n in self._forget])
            connection.executemany(
                "INSERT INTO journal_positions VALUES (?, ?, ?) ON CONFLICT (segment) DO UPDATE "
                "SET position = excluded.position, finished = excluded.finished",
                progress.positions,
            )
            for name, lines in progress.open:
                connection.execute("DELETE FROM journal_open WHERE journal = ?", (name,))
                connection.executemany(
                    "INSERT INTO journal_open (journal, line) VALUES (?, ?)", [(name, line) for line in lines]
                )
            if rows.count:
                connection.execute("UPDATE counters SET value = value + ? WHERE name = 'requests'", (rows.count,))
            connection.executemany(
                "UPDATE keys SET last_used_us = max(coalesce(last_used_us, 0), ?) WHERE id = ?", used
            )
        self._forget.clear()
        rows.clear()
        if used:
            self._used.clear()
            self._use_due = self._clock.monotonic() + KEY_USE_PAUSE_S

    def _keys_used(self, rows: Rows) -> list[tuple[int, str]]:
        """When keys were last used, once in a while; the rest waits."""
        for kind, started in rows.used.items():
            key = kind.call.key
            if key is not None and kind.call.provider:
                self._used[key] = max(started, self._used.get(key, 0))
        if self._clock.monotonic() < self._use_due:
            return []
        return [(at, key) for key, at in self._used.items()]

    def _remove_segment(self, path: Path) -> None:
        """Remove a segment that is stored as finished; only then its position may be forgotten."""
        with storage_errors(path, "removed"):
            path.unlink(missing_ok=True)
        self._forget.append(path.name)

    def expire(self, connection: Connection) -> bool:
        """Delete a chunk of rows that are too old or too many. Returns whether there may be more."""
        bounds: list[int] = []
        with connection.errors():
            if self._log.ledger_days:
                bounds.append(self._clock.time_ns() // 1000 - self._log.ledger_days * _DAY_US)
            if self._log.ledger_rows:
                count: int = connection.execute("SELECT value FROM counters WHERE name = 'requests'").fetchone()[0]
                surplus = min(count - self._log.ledger_rows, RETENTION_CHUNK)
                if surplus > 0:
                    last = connection.execute("SELECT id FROM request_rows ORDER BY id LIMIT 1 OFFSET ?", (surplus,))
                    bounds += [row[0] for row in last]
        deleted = [delete_before(connection, bound, limit=RETENTION_CHUNK) for bound in bounds]
        if any(deleted):
            return True
        with connection.transaction():
            delete_unused_kinds(connection)
        return False


def delete_before(connection: Connection, bound: int, *, limit: int) -> bool:
    """Delete up to `limit` of the oldest requests with an id below `bound`. Returns whether there were any."""
    with connection.transaction():
        deleted = connection.execute(
            "DELETE FROM request_rows WHERE id IN (SELECT id FROM request_rows WHERE id < ? ORDER BY id LIMIT ?)",
            (bound, limit),
        ).rowcount
        connection.execute("UPDATE counters SET value = value - ? WHERE name = 'requests'", (deleted,))
    return deleted > 0
