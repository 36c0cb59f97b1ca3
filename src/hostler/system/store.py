"""One SQLite file: schema by numbered migrations, one writing thread, readers beside it.

Knows: WAL mode, transactions, migrations, which failures mean what. Does not know any table; SQL is its users', plain
and with `?` placeholders, so that another database can stand behind the same interface later.
"""

import asyncio
import contextlib
import logging
import os
import queue
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from hostler.errors import StorageError
from hostler.system.files import storage_errors

BUSY_TIMEOUT_S: Final = 5.0
"""How long a transaction waits for another process that is writing."""
RETRY_S: Final = 5.0
"""Pause after a background step failed."""
_IDLE_READERS: Final = 4
_CACHE: Final = "PRAGMA cache_size = -1024"  # KiB
_WAL_LIMIT: Final = 64 << 20
_MIGRATION: Final = re.compile(r"([0-9]{3})_[a-z0-9_]+\.sql")
_SCHEMA_TABLE: Final = "CREATE TABLE IF NOT EXISTS schema_versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL)"

Value = str | int | float | bytes | None
Row = tuple[Value, ...]
T = TypeVar("T")

_log = logging.getLogger(__name__)


class Connection(sqlite3.Connection):
    """A connection that knows its file, begins transactions by hand, and fails with StorageError."""

    path: Path = Path()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All of the block or nothing of it. Raises StorageError (disk full, locked by another process, damage)."""
        with self.errors():
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                # a full disk may have rolled back already
                if self.in_transaction:
                    self.execute("ROLLBACK")
                raise

    @contextmanager
    def errors(self) -> Generator[None]:
        """Turn SQLite's errors into StorageError that names the file and says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise _storage_error(self.path, error) from error


Job = Callable[[Connection], T]
"""Runs on the writing thread within a transaction; what it returns or raises goes to who submitted it."""
Step = Callable[[Connection], float]
"""Background work on the writing thread, outside a transaction; returns seconds until it wants to run again."""
TextFunction = Callable[[str], str]
"""An SQL function of one text: always the same for the same text."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The tables of one part: `folder` holds 001_name.sql, 002_name.sql, ...; applied once each, in order.

    `functions`, by name, are those that its views and triggers use, beside SQLite's own.
    """

    part: str
    folder: Path
    functions: Mapping[str, TextFunction] = field(default_factory=dict[str, TextFunction])

    def scripts(self) -> list[str]:
        """SQL of version 1, 2, ... Raises StorageError when a file cannot be read."""
        with storage_errors(self.folder, "read"):
            paths = sorted(path for path in self.folder.iterdir() if _MIGRATION.fullmatch(path.name))
            numbers = [int(path.name[:3]) for path in paths]
            if numbers != list(range(1, len(paths) + 1)):
                raise ValueError(f"{self.folder}: migrations are not numbered 1, 2, 3, ...: {numbers}")
            return [path.read_text("utf-8") for path in paths]


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """Jobs waiting for the writing thread, and what its background work failed with last (None: nothing)."""

    waiting: int
    failure: StorageError | None


@dataclass(slots=True)
class _Background:
    step: Step
    due: float


@dataclass(frozen=True, slots=True)
class _Submitted:
    run: Callable[[Connection], None]


class Store:
    """An open database file. All methods may be called from any thread."""

    def __init__(self, path: Path, connection: Connection, *, functions: Mapping[str, TextFunction]) -> None:
        """Use `Store.open`."""
        self.path = path
        self._functions = functions
        self._writer = connection
        self._jobs: queue.SimpleQueue[_Submitted | None] = queue.SimpleQueue()
        self._readers: queue.LifoQueue[Connection] = queue.LifoQueue(_IDLE_READERS)
        self._background: list[_Background] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._failure: StorageError | None = None

    @classmethod
    def open(cls, path: Path, *migrations: Migrations) -> "Store":
        """Open or create the file (0600) and bring each part's tables up to date.

        Raises StorageError: not a database, damaged, no permission, or written by a newer hostler.
        """
        with storage_errors(path, "opened"):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        functions = {name: function for part in migrations for name, function in part.functions.items()}
        connection = _connect(path, functions)
        try:
            with connection.errors():
                _use_wal(connection)
                connection.execute(_CACHE)
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
            for part in migrations:
                _migrate(connection, part)
        except BaseException:
            connection.close()
            raise
        return cls(path, connection, functions=functions)

    def submit(self, job: Job[T], *, transaction: bool = True) -> Future[T]:
        """Run a job on the writing thread; the future carries its result or error (StorageError for SQLite's).

        With `transaction=False` the job makes its own transactions.
        """
        future: Future[T] = Future()

        def run(connection: Connection) -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                with connection.transaction() if transaction else connection.errors():
                    result = job(connection)
            except BaseException as error:  # noqa: BLE001  # whatever it is belongs to who waits for the job
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._closed:
                raise StorageError(f"{self.path} is closed")
            self._jobs.put(_Submitted(run))
            self._start()
        return future

    async def write(self, job: Job[T]) -> T:
        """Run a job on the writing thread in one transaction and wait for it. Raises StorageError."""
        return await asyncio.wrap_future(self.submit(job))

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> Future[int]:
        """One writing statement; the future's result is the number of rows it touched."""
        return self.submit(lambda connection: connection.execute(sql, parameters).rowcount)

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """All rows of a reading statement, on a connection of its own. Blocks for the disk. Raises StorageError."""
        connection = self._reader()
        try:
            with connection.errors():
                rows: list[Row] = connection.execute(sql, parameters).fetchall()
        finally:
            self._give_back(connection)
        return rows

    async def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """`query` off the loop."""
        return await asyncio.to_thread(self.query, sql, parameters)

    def add_background(self, step: Step) -> None:
        """Let the writing thread run `step` from now on, whenever it asked to; other jobs go first."""
        with self._lock:
            if self._closed:
                raise StorageError(f"{self.path} is closed")
            self._background.append(_Background(step, time.monotonic()))
            self._jobs.put(_Submitted(lambda _: None))  # wakes the thread
            self._start()

    def flush(self) -> None:
        """Return once everything submitted before is done."""
        self.submit(lambda _: None, transaction=False).result()

    def close(self) -> None:
        """Finish what was submitted, then close the file. Twice is once."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
            self._jobs.put(None)
        if thread is not None:
            thread.join()
        with contextlib.suppress(queue.Empty):
            while True:
                self._readers.get_nowait().close()
        self._writer.close()

    def statistics(self) -> StoreStatistics:
        """The writing thread's backlog and last failure."""
        return StoreStatistics(self._jobs.qsize(), self._failure)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"store {self.path.name}", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            due = min((background.due for background in self._background), default=None)
            try:
                timeout = None if due is None else max(due - time.monotonic(), 0.0)
                job = self._jobs.get(timeout=timeout)
            except queue.Empty:
                self._run_background()
                continue
            if job is None:
                return
            job.run(self._writer)

    def _run_background(self) -> None:
        now = time.monotonic()
        for background in [b for b in self._background if b.due <= now]:
            try:
                pause = background.step(self._writer)
            except StorageError as error:
                if self._failure is None:
                    _log.warning("%s: %s", self.path.name, error.text)
                self._failure = error
                pause = RETRY_S
            except Exception:  # noqa: BLE001  # the writing thread serves others too, and must outlive a fault in one step
                _log.exception("background work on %s failed", self.path.name)
                pause = RETRY_S
            else:
                self._failure = None
            background.due = time.monotonic() + pause

    def _reader(self) -> Connection:
        if self._closed:
            raise StorageError(f"{self.path} is closed")
        try:
            return self._readers.get_nowait()
        except queue.Empty:
            connection = _connect(self.path, self._functions)
            with connection.errors():
                connection.execute(_CACHE)
                connection.execute("PRAGMA query_only = ON")
            return connection

    def _give_back(self, connection: Connection) -> None:
        try:
            if not self._closed:
                self._readers.put_nowait(connection)
                return
        except queue.Full:
            pass
        connection.close()


def _connect(path: Path, functions: Mapping[str, TextFunction]) -> Connection:
    try:
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, factory=Connection
        )
        for name, function in functions.items():
            connection.create_function(name, 1, function, deterministic=True)
    except sqlite3.Error as error:
        raise _storage_error(path, error) from error
    connection.path = path
    return connection


def _use_wal(connection: Connection) -> None:
    """Switch to WAL. Two processes that do it at once to a new file are not queued by SQLite's own time limit."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    pause = threading.Event()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            pause.wait(0.01)
        else:
            return


def _migrate(connection: Connection, migrations: Migrations) -> None:
    scripts = migrations.scripts()
    with connection.transaction():
        connection.execute(_SCHEMA_TABLE)
        found = connection.execute("SELECT version FROM schema_versions WHERE part = ?", (migrations.part,)).fetchone()
        version: int = found[0] if found else 0
        if version > len(scripts):
            raise StorageError(
                f"{connection.path} was written by a newer hostler "
                f"({migrations.part} version {version}; this one knows {len(scripts)}).",
                hint="Update hostler, or use another data folder.",
            )
        for script in scripts[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(
            "INSERT INTO schema_versions (part, version) VALUES (?, ?) "
            "ON CONFLICT (part) DO UPDATE SET version = excluded.version",
            (migrations.part, len(scripts)),
        )


def _statements(script: str) -> list[str]:
    """Split a script, since sqlite3.executescript would commit the transaction that we are in."""
    statements: list[str] = []
    lines = ""
    for line in script.splitlines(keepends=True):
        lines += line
        if sqlite3.complete_statement(lines):
            statements.append(lines)
            lines = ""
    if lines.strip():
        statements.append(lines)
    return statements


def _storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    hint = {
        sqlite3.SQLITE_FULL: "Free some space on the disk that holds the data folder.",
        sqlite3.SQLITE_NOTADB: "Move the file away; hostler makes a new one.",
        sqlite3.SQLITE_CORRUPT: "The file is damaged: move it away, or restore it from a backup.",
        sqlite3.SQLITE_BUSY: "Another program holds the file; try again.",
        sqlite3.SQLITE_READONLY: "Check who owns the file and its folder.",
        sqlite3.SQLITE_CANTOPEN: "Check who owns the file and its folder.",
    }.get(code)
    return StorageError(f"{path}: {error}", hint=hint)
