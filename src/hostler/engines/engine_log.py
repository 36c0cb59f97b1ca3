"""One engine's log file: the engine writes it, we read its end and keep it within a bound.

Knows: offsets, lines, rotation. Does not know: what the lines mean (engines).
"""

import contextlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

LINE_LIMIT = 400
"""Characters of a log line that are kept."""
TAIL_BYTES = 64 * 1024
"""Bytes at the end of a log that are looked at."""


@dataclass(slots=True)
class EngineLog:
    """The log of one start, in a file that holds those of earlier starts too. All methods are short and block."""

    path: Path
    start: int = field(init=False, default=0)
    """Byte where this start's lines begin."""
    _read: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.start = self._read = self._size()

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def lines(self) -> tuple[str, ...]:
        """What this start has logged, oldest first; only the last 64 KiB."""
        size = self._size()
        begin = self.start if self.start <= size else 0  # rotated since
        offset = max(begin, size - TAIL_BYTES)
        lines = self._lines_from(offset, size)
        return lines[1:] if offset > begin else lines

    def new_lines(self) -> tuple[str, ...]:
        """What has come since the last call, whole lines only."""
        size = self._size()
        if size < self._read:
            self._read = 0
        if size == self._read:
            return ()
        offset = max(self._read, size - TAIL_BYTES)
        with contextlib.suppress(OSError), self.path.open("rb") as file:
            file.seek(offset)
            whole = file.read(size - offset).rpartition(b"\n")[0]
            self._read = offset + len(whole) + (1 if whole else 0)
            return _texts(whole)
        return ()

    def _lines_from(self, offset: int, end: int) -> tuple[str, ...]:
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return _texts(file.read(end - offset))
        except OSError:
            return ()

    def keep_within(self, limit: int) -> None:
        """Above half of `limit` bytes, move what there is to `<name>.1` and begin anew; the engine goes on writing.

        The engine appends, so truncating is safe; lines written between copy and truncation are lost. Raises OSError.
        """
        if self._size() <= limit // 2:
            return
        shutil.copyfile(self.path, self.path.with_name(self.path.name + ".1"))
        os.truncate(self.path, 0)
        self.start = self._read = 0


def _texts(data: bytes) -> tuple[str, ...]:
    return tuple(line.decode("utf-8", "replace")[:LINE_LIMIT].rstrip() for line in data.split(b"\n") if line.strip())


def last_lines(path: Path, count: int) -> tuple[str, ...]:
    """The last `count` lines of an engine's log, for people; none when there is no such file."""
    log = EngineLog(path)
    log.start = 0
    return log.lines()[-count:]
