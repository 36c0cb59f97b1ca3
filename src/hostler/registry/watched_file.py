"""A file that a person may change at any time: read when it is another one than before.

Knows: what tells one state of a file from the next. Does not know: what the file means, who waits for it.
"""

from pathlib import Path
from typing import NamedTuple

Signature = tuple[int, int, int, int]
"""Modification time in ns, size, inode and device: an edit in place, a rename over it and a new mount all show."""


class Reading(NamedTuple):
    """A look at a file: its bytes, None where there is none, or why it cannot be read."""

    signature: Signature | None
    data: bytes | None
    problem: str = ""


def read_changed(path: Path, known: Signature | None, *, always: bool, most: int) -> Reading | None:
    """The file's first `most` bytes and one more, if it is another one than `known`; None when it is not.

    Runs on any thread. Never raises.
    """
    try:
        signature = _signature(path)
        if signature == known and not always:
            return None
        if signature is None:
            return Reading(None, None)
        with path.open("rb") as file:
            data = file.read(most + 1)
        # it may have been replaced while it was read: then the next look finds a new signature
        return Reading(signature, data)
    except OSError as error:
        return Reading(known, None, f"{path} cannot be read: {error.strerror or type(error).__name__}")


def _signature(path: Path) -> Signature | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
