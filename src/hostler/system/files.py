"""Files that people own, changed safely: whole old or whole new at every moment, with a backup made first.

Knows: temporary file, fsync, rename, exclusive backups, free space. Does not know: what the files mean.
"""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import msgspec

from hostler.errors import StorageError

PRIVATE: Final = 0o600
"""For files that hold secrets, and for everything else that only we read."""
PUBLIC: Final = 0o644
MAX_BACKUPS: Final = 1000

Json = dict[str, object]


def write_atomic(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Replace `path` by `data`; after a crash at any point it holds all of the old bytes or all of the new.

    The temporary file lies in the same folder; a symbolic link is followed, so that it stays one. `mode` is what a
    new file gets; an existing file that is stricter stays so. Raises StorageError naming the path and the reason.
    """
    target = Path(os.path.realpath(path))
    with storage_errors(path, "written"):
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                _take_over(file.fileno(), target, mode=mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            # also on Ctrl-C nothing may be left lying in the user's folder
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            raise
        sync_folder(target.parent)


def _take_over(descriptor: int, target: Path, *, mode: int) -> None:
    """Give a temporary file the mode and the owner that `target` should have after the rename."""
    try:
        old = target.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, mode)
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        # root edits a user's file: it must stay the user's; others may not give files away
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, mode & stat.S_IMODE(old.st_mode))


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # some network file systems cannot sync a folder; the rename is done all the same
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def backup(path: Path) -> Path:
    """Copy `path` to the first free of `path.bak-1`, `path.bak-2`, ... and return it; never overwrites one.

    The copy is exclusive, durable and as private as the original. Raises StorageError.
    """
    with storage_errors(path, "backed up"):
        data, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
        for number in range(1, MAX_BACKUPS + 1):
            copy = path.with_name(f"{path.name}.bak-{number}")
            try:
                descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            except FileExistsError:
                continue
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(path.parent)
            return copy
    raise StorageError(f"{path} has {MAX_BACKUPS} backups already", hint=f"Delete some of {path.name}.bak-*.")


def edit_json(
    path: Path,
    change: Callable[[Json], Json],
    *,
    verify: Callable[[Json], None] | None = None,
    mode: int = PUBLIC,
) -> Path | None:
    """Apply `change` to the JSON object in `path` and return the backup; None when there was no file yet.

    `change` gets a copy and returns the new object; `verify` raises when the result is not acceptable, before anything
    is written. The written file is read back; if it differs, or another program changed the file meanwhile, a
    StorageError says so. Key order is kept; the layout becomes two-space indentation.
    """
    before = read_json(path)
    after = change(msgspec.json.decode(msgspec.json.encode(before or {}), type=Json))
    if verify is not None:
        verify(after)
    if after == before:
        return None
    data = msgspec.json.format(msgspec.json.encode(after), indent=2) + b"\n"
    saved = None if before is None else backup(path)
    if read_json(path) != before:
        raise StorageError(f"{path} was changed by another program meanwhile", hint="Nothing was written; try again.")
    write_atomic(path, data, mode=mode)
    if read_json(path) != after:
        kept = f" The backup is {saved}." if saved else ""
        raise StorageError(f"{path} does not hold what was written to it.{kept}")
    return saved


def read_json(path: Path) -> Json | None:
    """The JSON object in `path`; None when there is no such file. Raises StorageError for anything else in it."""
    with storage_errors(path, "read"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        value = cast("object", msgspec.json.decode(data))
    except msgspec.DecodeError as error:
        raise StorageError(f"{path} is not valid JSON: {error}", hint="Mend it by hand first.") from None
    if not isinstance(value, dict):
        raise StorageError(f"{path} does not hold a JSON object")
    return cast("Json", value)


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write where `folder` is (or will be). Raises StorageError."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    with storage_errors(folder, "looked at"):
        return shutil.disk_usage(place).free


@contextmanager
def storage_errors(path: Path, verb: str) -> Generator[None]:
    """Turn an OSError into a StorageError that names `path`, what could not be done, and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageError(f"{path} cannot be {verb}: {reason}", hint=_HINTS.get(error.errno or 0)) from error


_HINTS: Final = {
    errno.ENOSPC: "The disk is full; free some space.",
    errno.EDQUOT: "The disk quota is used up; free some space.",
    errno.EACCES: "Check who owns the file and its folder.",
    errno.EPERM: "Check who owns the file and its folder.",
    errno.EROFS: "The file system is read-only.",
    errno.ENOENT: "The folder does not exist.",
}
