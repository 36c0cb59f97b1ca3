"""One process owns a data folder: its lock, who it is, and the folder's token.

Knows: `owner.lock` (held with flock for the owner's life), `owner.json` (pid, start time, addresses), `token`.
Does not know what the owner does, or how it is asked (the control API).
"""

import contextlib
import datetime
import errno
import fcntl
import os
import secrets
import stat
import threading
import time
from pathlib import Path
from typing import Final

import msgspec

from hostler.errors import OwnershipError, StorageError
from hostler.system.files import storage_errors, write_atomic
from hostler.system.process import ProcessId, is_alive, own_identity

LOCK_FILE: Final = "owner.lock"
INFO_FILE: Final = "owner.json"
TOKEN_FILE: Final = "token"
INTRODUCTION_S: Final = 2.0
"""How long to wait for the name of an owner that has just taken the lock."""
_TOKEN_BYTES: Final = 32


class OwnerInfo(msgspec.Struct, frozen=True):
    """Who owns a data folder. `address` and `control` are URLs, empty until the owner listens."""

    pid: int
    started: float
    """Start time of the process, seconds since the epoch."""
    address: str = ""
    control: str = ""

    @property
    def process(self) -> ProcessId:
        """The owner's identity, for `is_alive`."""
        return ProcessId(self.pid, self.started)


class Owner:
    """The ownership of a data folder by this process, from `acquire` to `release` or to its end."""

    def __init__(self, folder: Path, info: OwnerInfo, *, lock: int) -> None:
        """Use `Owner.acquire`."""
        self.folder = folder
        self.info = info
        self._lock = lock

    @classmethod
    def acquire(cls, folder: Path) -> "Owner":
        """Become the owner of `folder` (created 0700). What a dead owner left is taken over.

        Raises OwnershipError naming the living owner, StorageError when the folder cannot be used.
        """
        make_private(folder)
        with storage_errors(folder / LOCK_FILE, "opened"):
            lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(folder, lock)
            identity = own_identity()
            owner = cls(folder, OwnerInfo(identity.pid, identity.started), lock=lock)
            owner._write()
        except BaseException:
            os.close(lock)
            raise
        return owner

    def announce(self, address: str, control: str = "") -> None:
        """Say where the owner can be reached, so that other commands find it. URLs."""
        self.info = msgspec.structs.replace(self.info, address=address, control=control)
        self._write()

    def release(self) -> None:
        """Give the folder up. Twice is once."""
        if self._lock < 0:
            return
        with contextlib.suppress(OSError):
            (self.folder / INFO_FILE).unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = -1

    def _write(self) -> None:
        write_atomic(self.folder / INFO_FILE, msgspec.json.encode(self.info) + b"\n")


def find_owner(folder: Path) -> OwnerInfo | None:
    """The living owner of a data folder; None when nobody owns it. Never touches the lock."""
    info = _read_info(folder)
    return info if info is not None and is_alive(info.process) else None


def token(folder: Path, *, renew: bool = False) -> str:
    """The folder's one secret for its own people (URL-safe text), made on first use and the same ever after.

    `renew` replaces it. The file is 0600. Raises StorageError.
    """
    make_private(folder)
    path = folder / TOKEN_FILE
    if renew:
        _write_token(path)
    with storage_errors(path, "read"):
        if not path.exists():
            _create_token(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)
        found = path.read_text("ascii", errors="replace").strip()
    if len(found) < _TOKEN_BYTES:  # emptied by hand or by a power cut: an empty token must not open the door
        return _write_token(path)
    return found


def make_private(folder: Path) -> None:
    """Create a data folder with its parents; the folder itself is 0700. Raises StorageError."""
    with storage_errors(folder, "created"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _create_token(path: Path) -> None:
    """Write it under a name of its own, then link: whoever comes first wins, and nobody reads half a token."""
    draft = path.with_name(f".{TOKEN_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    _write_token(draft)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


def _write_token(path: Path) -> str:
    made = secrets.token_urlsafe(_TOKEN_BYTES)
    write_atomic(path, made.encode() + b"\n")
    return made


def _take(folder: Path, lock: int) -> None:
    """Take the lock, or say who has it. The kernel decides between two starters, and frees it when its holder dies."""
    deadline = time.monotonic() + INTRODUCTION_S
    pause = threading.Event()
    while not _lock_nowait(folder, lock):
        owner = find_owner(folder)
        if owner is not None:
            raise _refusal(folder, owner)
        if time.monotonic() > deadline:
            named = _read_info(folder)  # in another container its pid means nothing to us
            raise (
                _refusal(folder, named)
                if named is not None
                else OwnershipError(f"Another process holds {folder / LOCK_FILE}, but does not say who it is.")
            )
        pause.wait(0.01)
    owner = find_owner(folder)
    if owner is not None:  # the lock file was removed or replaced under a living owner
        raise _refusal(folder, owner)


def _lock_nowait(folder: Path, lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
            return False
        raise StorageError(
            f"{folder / LOCK_FILE} cannot be locked: {error.strerror}",
            hint="Use a data folder on a local disk.",
        ) from error
    return True


def _read_info(folder: Path) -> OwnerInfo | None:
    try:
        return msgspec.json.decode((folder / INFO_FILE).read_bytes(), type=OwnerInfo)
    except (OSError, msgspec.MsgspecError):
        return None


def _refusal(folder: Path, owner: OwnerInfo) -> OwnershipError:
    since = datetime.datetime.fromtimestamp(owner.started, datetime.UTC).astimezone()
    where = f" at {owner.address}" if owner.address else ""
    return OwnershipError(
        f"Another hostler already uses {folder}: pid {owner.pid}, started {since:%Y-%m-%d %H:%M:%S}{where}.",
        hint="Use that one, stop it, or choose another folder with --data.",
    )
