"""An append-only journal of lines that outlives its process, for well under a microsecond per line.

Knows: segments on disk, who still writes them, where they end. Does not know what a line means (accounts/ledger does).

A line is copied into a shared mapping of a file, so it is in the page cache when `append` returns: kill -9 loses
nothing, a power cut may lose what the kernel had not written out (nothing is fsynced). The blocks are allocated
before a segment is used, so a full disk is a StorageError when a segment is needed and never a SIGBUS in between.

In one folder, per writer (a process): `NAME.lock`, held with flock for the writer's life, and `NAME.000001.log`, ...
with NAME = writer id + start (unix ns). A segment is zeros, filled from the front with lines; its last 16 bytes are
the seal: where its lines end, written when the writer goes on to the next. Lines never contain NUL and end in a
newline, so the first NUL is where a reader has to stop, whether it marks the end or a line that is being copied.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hostler.errors import StorageError
from hostler.system.files import storage_errors

SEGMENT_SIZE: Final = 1 << 20
"""Small, since its mapped pages count as our memory; some 2000 requests."""
RESERVE: Final = 64 << 10
"""Bytes at a segment's end that only `append_reserved` uses."""

_SEAL: Final = 16
_PAGE: Final = mmap.ALLOCATIONGRANULARITY
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+\.[0-9]+")
_SEGMENT: Final = re.compile(rf"({_NAME.pattern})\.[0-9]+\.log")

Allocate = Callable[[int, int], None]
"""(descriptor, bytes): give the empty file real blocks full of zeros, or raise OSError."""


@dataclass(frozen=True, slots=True)
class JournalStatistics:
    """What a journal has taken: lines' bytes in the segment in use, and segments begun."""

    name: str
    bytes_in_segment: int
    segments: int


@dataclass(slots=True)
class _Segment:
    path: Path
    map: mmap.mmap
    room: int
    """Bytes for lines: the size without the seal."""


class Journal:
    """The writing end. One thread appends; `prepare` may run in any other. Raises StorageError."""

    __slots__ = (
        "_allocate",
        "_at",
        "_change",
        "_folder",
        "_limit",
        "_lock",
        "_map",
        "_number",
        "_reserve",
        "_room",
        "_segment",
        "_segment_size",
        "_spare",
        "name",
    )

    def __init__(
        self,
        folder: Path,
        writer: str = "main",
        *,
        segment_size: int = SEGMENT_SIZE,
        allocate: Allocate | None = None,
    ) -> None:
        """Begin a journal of our own in `folder` (created 0700). `segment_size` is rounded up to whole pages."""
        self._folder = folder
        self._segment_size = _whole_pages(segment_size)
        self._reserve = min(RESERVE, self._segment_size // 4)
        self._allocate = allocate or preallocate
        self._change = threading.Lock()
        self._number = 0
        self._spare: _Segment | None = None
        self._segment: _Segment | None = None
        with storage_errors(folder, "written"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.name, self._lock = _claim(folder, writer)
        try:
            self._use(self._create(0))
        except StorageError:
            os.close(self._lock)
            _lock_path(folder, self.name).unlink(missing_ok=True)
            raise

    def append(self, line: bytes) -> None:
        """Add one line (ends in a newline, holds no NUL; not checked, this is the hot path).

        Raises StorageError when a new segment is needed and the disk is full: nothing was added then.
        """
        at = self._at
        end = at + len(line)
        if end > self._limit:
            at, end = self._roll(len(line))
        self._map[at:end] = line
        self._at = end

    def append_reserved(self, line: bytes) -> None:
        """Add one line, using the segment's reserve if need be.

        For lines that end what `append` began: they still fit when the disk filled up in between.
        """
        at = self._at
        end = at + len(line)
        if end > self._room:
            at, end = self._roll(len(line))
        self._map[at:end] = line
        self._at = end

    def prepare(self) -> None:
        """Create the next segment once the one in use is half full, so that the appender need not wait for the disk.

        Called now and then by another thread. A failure is left for the appender to meet.
        """
        if self._spare is not None or self._at * 2 < self._room:
            return
        with self._change, contextlib.suppress(StorageError):
            if self._segment is not None and self._spare is None:
                self._spare = self._create(0)

    def close(self) -> None:
        """Seal the journal and let go of it: from now on its reader takes it for finished. Twice is once."""
        with self._change:
            segment, self._segment = self._segment, None
            if segment is None:
                return
            self._room = self._limit = -1
            _seal(segment, self._at)
            if self._spare is not None:
                _seal(self._spare, 0)
                self._spare = None
            os.close(self._lock)

    def statistics(self) -> JournalStatistics:
        """How full the segment in use is, and how many were begun."""
        return JournalStatistics(self.name, self._at, self._number)

    def _roll(self, need: int) -> tuple[int, int]:
        with self._change:
            old = self._segment
            if old is None:
                raise StorageError(f"journal {self.name} is closed")
            fresh = self._next(need)
            _seal(old, self._at)
            self._use(fresh)
            return 0, need

    def _next(self, need: int) -> _Segment:
        spare, self._spare = self._spare, None
        if spare is not None:
            if need <= spare.room - self._reserve:
                return spare
            _seal(spare, 0)  # readers go by number, so a spare that is passed over must be over
        return self._create(need)

    def _use(self, segment: _Segment) -> None:
        self._segment = segment
        self._map = segment.map
        self._room = segment.room
        self._limit = segment.room - self._reserve
        self._at = 0

    def _create(self, need: int) -> _Segment:
        size = max(self._segment_size, _whole_pages(need + self._reserve + _SEAL))
        path = self._folder / f"{self.name}.{self._number + 1:06d}.log"
        with storage_errors(path, "written"):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                self._allocate(descriptor, size)
                mapping = mmap.mmap(descriptor, size, mmap.MAP_SHARED)
            except OSError:
                path.unlink(missing_ok=True)
                raise
            finally:
                os.close(descriptor)
        self._number += 1
        return _Segment(path, mapping, size - _SEAL)


def preallocate(descriptor: int, size: int) -> None:
    """Give an empty file `size` bytes of zeros that have their blocks on disk. Raises OSError (ENOSPC, EFBIG)."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
        else:
            return
    zeros = memoryview(bytes(min(size, 1 << 18)))
    at = 0
    while at < size:
        at += os.pwrite(descriptor, zeros[: size - at], at)


class SegmentReader:
    """Reads one segment from `position` on, also while it is being written. Raises StorageError."""

    __slots__ = ("_descriptor", "path", "position")

    def __init__(self, path: Path, position: int = 0) -> None:
        self.path = path
        self.position = position
        with storage_errors(path, "read"):
            self._descriptor = os.open(path, os.O_RDONLY)

    def read(self, limit: int = 32 << 10) -> bytes:
        """Whole new lines, about `limit` bytes of them (one longer line comes alone); b"" when there is none now."""
        with storage_errors(self.path, "read"):
            room = os.fstat(self._descriptor).st_size - _SEAL - self.position
            while True:
                wanted = max(min(limit, room), 0)
                data = os.pread(self._descriptor, wanted, self.position)
                nul = data.find(b"\0")
                lines = data[: data.rfind(b"\n", 0, nul if nul >= 0 else len(data)) + 1]
                if lines or nul >= 0 or wanted == max(room, 0):
                    self.position += len(lines)
                    return lines
                limit *= 4

    def is_finished(self) -> bool:
        """Whether the segment is sealed and all its lines were read."""
        with storage_errors(self.path, "read"):
            size = os.fstat(self._descriptor).st_size
            seal = os.pread(self._descriptor, _SEAL, max(size - _SEAL, 0))
        return seal[-1:] == b"\n" and seal[:-1].isdigit() and self.position >= int(seal)

    def close(self) -> None:
        """Close the file. Twice is once."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def journal_names(folder: Path) -> list[str]:
    """Names of all journals in the folder, of living and of dead writers, oldest id and start first."""
    return sorted(journal_files(folder))


def journal_files(folder: Path) -> dict[str, list[Path]]:
    """Journal name to its segments, in the order in which they were written."""
    found: dict[str, list[Path]] = {}
    with storage_errors(folder, "read"):
        entries = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    for entry in entries:
        if match := _SEGMENT.fullmatch(entry):
            found.setdefault(match[1], []).append(folder / entry)
        elif entry.endswith(".lock") and _NAME.fullmatch(entry[:-5]):
            found.setdefault(entry[:-5], [])
    return found


def is_written(folder: Path, name: str) -> bool:
    """Whether the journal's writer still lives: the kernel drops its lock when it ends, however it ends.

    Ask before reading: what a dead writer's segments hold then is all there will ever be.
    """
    with storage_errors(folder, "read"):
        try:
            descriptor = os.open(_lock_path(folder, name), os.O_RDWR)
        except FileNotFoundError:
            return False  # the lock file comes before the first segment and goes after the last
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def remove_journal(folder: Path, name: str) -> None:
    """Remove what is left of a dead writer's journal, its lock file last. Raises StorageError."""
    with storage_errors(folder, "removed"):
        for path in journal_files(folder).get(name, []):
            path.unlink(missing_ok=True)
        _lock_path(folder, name).unlink(missing_ok=True)


def _claim(folder: Path, writer: str) -> tuple[str, int]:
    """Take a fresh name and its lock. The lock is held before the name can be seen, so no reader takes us for dead."""
    start = time.time_ns()
    if not _NAME.fullmatch(f"{writer}.{start}"):
        raise ValueError(f"not a writer id: {writer!r}")
    hidden = folder / f".{writer}.{os.getpid()}.{start}.claim"
    descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        while True:
            name = f"{writer}.{start}"
            try:
                os.link(hidden, _lock_path(folder, name))
            except FileExistsError:
                start += 1
            else:
                return name, descriptor
    except OSError:
        os.close(descriptor)
        raise
    finally:
        hidden.unlink(missing_ok=True)


def _lock_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.lock"


def _seal(segment: _Segment, end: int) -> None:
    segment.map[segment.room :] = b"%015d\n" % end
    segment.map.close()


def _whole_pages(size: int) -> int:
    return max(-(-size // _PAGE), 1) * _PAGE
