"""The system's keyring: a place for keys that stand neither in the environment nor in a file.

Knows: the package `keyring` (an extra), and the file that names whose keys lie there. Does not know: what keys open.
The package takes tenths of a second to load and may ask the desktop, so it is loaded by those who use it alone: who
wants to know only whether there is a key, reads the file.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, TypeVar, cast

import msgspec

from hostler.errors import ConfigError
from hostler.system.files import PRIVATE, write_atomic

SERVICE: Final = "hostler"
FILE: Final = "keyring.json"
"""In the data folder: ids whose keys lie in the keyring, and no key."""
T = TypeVar("T")


class _Backend(Protocol):
    """What the package gives."""

    def get_password(self, service_name: str, username: str) -> str | None: ...
    def set_password(  # signature: the package's
        self, service_name: str, username: str, password: str
    ) -> None: ...
    def delete_password(self, service_name: str, username: str) -> None: ...


class Keyring:
    """Keys by id. Its methods but `names` ask the system, which may take its time: not for a loop that serves."""

    def __init__(self, data_dir: Path) -> None:
        self.file = data_dir / FILE

    def names(self) -> frozenset[str]:
        """The ids whose keys were stored; none where the file is missing or is none of ours."""
        try:
            return frozenset(msgspec.json.decode(self.file.read_bytes(), type=list[str]))
        except (OSError, msgspec.DecodeError):
            return frozenset()

    def read(self, name: str) -> str | None:
        """A key; None where there is none. Raises ConfigError when the keyring cannot be used."""
        return _asked(lambda backend: backend.get_password(SERVICE, name))

    def store(self, name: str, key: str) -> None:
        """Keep a key, in place of an older one. Raises ConfigError, StorageError."""
        _asked(lambda backend: backend.set_password(SERVICE, name, key))
        self._write(self.names() | {name})

    def remove(self, name: str) -> bool:
        """Forget a key; False where there was none. Raises ConfigError, StorageError."""
        was_there = self.read(name) is not None
        if was_there:
            _asked(lambda backend: backend.delete_password(SERVICE, name))
        self._write(self.names() - {name})
        return was_there

    def _write(self, names: frozenset[str]) -> None:
        write_atomic(self.file, msgspec.json.encode(sorted(names)), mode=PRIVATE)


def _asked(question: Callable[[_Backend], T]) -> T:
    try:
        backend = cast("_Backend", import_module("keyring"))
    except ImportError:
        raise ConfigError(
            "The system keyring is used by a package that is not installed.", hint="pip install 'hostler[keyring]'"
        ) from None
    try:
        return question(backend)
    except Exception as error:  # noqa: BLE001  # edge: each backend (bus, keychain, file) fails in ways of its own
        reason = str(error).strip().splitlines()
        raise ConfigError(
            f"The system keyring cannot be used: {reason[0] if reason else type(error).__name__}",
            hint="Set the vendor's variable, or its key under [vendor_keys] in settings.toml.",
        ) from None
