"""The providers file on disk: read at start, watched for changes, with the last good state kept.

Knows: when to read, what to do about a bad edit, whom to tell. Does not know: the file's records (file_format) or what
they turn into (directory).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hostler.errors import ConfigError, HostlerError
from hostler.providers.provider import KEYRING
from hostler.registry.directory import NO_KEYRING, Directory, KeyringKeys, built_in, from_document
from hostler.registry.file_format import MAX_BYTES, Problem, check, refusal
from hostler.registry.watched_file import Reading, Signature, read_changed
from hostler.settings import Settings
from hostler.system.keyring import Keyring

POLL_S: Final = 1.0

_log: Final = logging.getLogger(__name__)

Publish = Callable[[str, dict[str, object]], object]


@dataclass(frozen=True, slots=True)
class FileStatus:
    """What became of the file. `error` says why the newest text is not used; the last good one then still holds.

    `text` is that last good one, empty where there is none: it makes the same directory elsewhere (`read_directory`).
    """

    path: Path
    exists: bool
    directory: Directory
    error: str = ""
    warnings: tuple[Problem, ...] = ()
    text: bytes = b""


class ProvidersFile:
    """The file's newest good state. `directory` is a new object after each change, so `is` tells whether to look again.

    Nothing here raises because of the file's contents: hostler must start, and go on, whatever it holds. Every change
    is told to `publish(kind, data)`: `providers.loaded` or `providers.refused`.
    """

    def __init__(self, settings: Settings, publish: Publish | None = None) -> None:
        self.path: Final = settings.providers_file
        self._settings: Final = settings
        self._publish: Final[Publish] = publish or (lambda kind, data: None)
        self._signature: Signature | None = None
        self._retry = False
        self._changed = asyncio.Event()
        self._stored = Keyring(settings.data_dir)
        self.keyring = KeyringKeys(dict.fromkeys(self._stored.names()))
        """As far as it was read; it is not at the start, which would wait for it."""
        self._keyring_seen: Signature | None = None
        self.status = self._begin()
        self.directory: Directory = self.status.directory
        self.load()

    def load(self) -> FileStatus:
        """Read the file now, on this thread, whatever its time stamps say."""
        self._take(self._read(None, always=True), settled=True)
        return self.status

    async def watch(self, interval: float = POLL_S) -> None:
        """Look every `interval` seconds whether the file changed; ends when it is cancelled.

        The disk is asked on a thread: a home folder on a network may hang, and the loop must not.
        """
        while True:
            await self.follow_keyring()
            await asyncio.sleep(interval)
            reading = await asyncio.to_thread(self._read, self._signature, always=self._retry)
            self._take(reading, settled=self._retry)

    async def follow_keyring(self) -> None:
        """Read the keys that lie in the system's keyring alone, on a thread, where they changed since the last look."""
        keyring = await asyncio.to_thread(self._read_keyring)
        if keyring is not self.keyring:
            self._take_keyring(keyring)

    def read_keyring(self) -> None:
        """The same on this thread."""
        keyring = self._read_keyring()
        if keyring is not self.keyring:
            self._take_keyring(keyring)

    def _read_keyring(self) -> KeyringKeys:
        reading = read_changed(self._stored.file, self._keyring_seen, always=self._any_unread(), most=MAX_BYTES)
        if reading is None:
            return self.keyring
        keys: dict[str, str | None] = dict.fromkeys(self._stored.names())
        trouble = ""
        for name in keys:
            provider = self.directory.providers.get(name)
            if provider is not None and provider.key_from in ("", KEYRING):
                try:
                    keys[name] = self._stored.read(name) or ""
                except ConfigError as error:
                    trouble = error.message
        self._keyring_seen = reading.signature
        return KeyringKeys(keys, trouble)

    def _any_unread(self) -> bool:
        """Whether a key that stands nowhere else was not read; in vain is read too."""
        providers, keyring = self.directory.providers, self.keyring
        return not keyring.trouble and any(
            key is None and name in providers and not providers[name].key_from for name, key in keyring.keys.items()
        )

    def _take_keyring(self, keyring: KeyringKeys) -> None:
        self.keyring = keyring
        if self.status.exists and self.status.text:
            self._tell(
                replace(self.status, directory=read_directory(self.status.text, self._settings, keyring=keyring))
            )
        else:
            self._tell(replace(self._begin(), exists=self.status.exists, error=self.status.error))

    async def wait_changed(self) -> FileStatus:
        """The status after the next text that was taken or refused."""
        await self._changed.wait()
        return self.status

    def _begin(self) -> FileStatus:
        try:
            return FileStatus(self.path, False, built_in(self._settings, self.keyring))
        except ConfigError as error:
            return FileStatus(self.path, False, read_directory(b"", self._settings, keyring=self.keyring), error.text)

    def _read(self, known: Signature | None, *, always: bool) -> Reading | None:
        """The file's bytes if it is another one than `known`; None when it is not. Runs on any thread."""
        return read_changed(self.path, known, always=always, most=MAX_BYTES)

    def _take(self, reading: Reading | None, *, settled: bool) -> None:
        """Make a reading the state. What cannot be parsed right after a change is read once more before anybody is
        told: an editor may be in the middle of writing."""
        if reading is None:
            return
        self._signature = reading.signature
        if reading.problem:
            # the same file may become readable without changing, so it is read again at the next look
            self._retry = True
            self._refuse(reading.problem, (), exists=True)
        elif reading.data is None:
            self._retry = False
            if self.status.exists or self.status.error:
                self._tell(self._begin())
        else:
            self._take_text(reading.data, settled=settled)

    def _take_text(self, data: bytes, *, settled: bool) -> None:
        checked = check(data)
        if checked.document is None:
            self._retry = not settled
            if settled:
                self._refuse(refusal(checked, str(self.path)).text, checked.warnings, exists=True)
            return
        self._retry = False
        try:
            directory = from_document(checked.document, self._settings, keyring=self.keyring)
        except HostlerError as error:
            self._refuse(f"{self.path}: {error.text}", checked.warnings, exists=True)
            return
        self._tell(FileStatus(self.path, True, directory, "", checked.warnings, data))

    def _refuse(self, message: str, warnings: tuple[Problem, ...], *, exists: bool) -> None:
        if message == self.status.error:
            return
        self._tell(FileStatus(self.path, exists, self.status.directory, message, warnings, self.status.text))

    def _tell(self, status: FileStatus) -> None:
        self.status = status
        self.directory = status.directory
        for warning in status.warnings:
            _log.warning("%s: %s", self.path, warning)
        if status.error:
            _log.error("%s The last good state stays in force.", status.error)
            self._publish("providers.refused", {"path": str(self.path), "error": status.error})
        else:
            data: dict[str, object] = {
                "path": str(self.path),
                "providers": list(status.directory.providers),
                "default": status.directory.default,
                "warnings": [str(warning) for warning in status.warnings],
            }
            self._publish("providers.loaded", data)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def read_directory(text: bytes, settings: Settings, *, keyring: KeyringKeys = NO_KEYRING) -> Directory:
    """The directory of a text that was good when `FileStatus.text` was taken; empty: what there is without a file."""
    document = check(text).document if text else None
    if document is not None:
        return from_document(document, settings, keyring=keyring)
    try:
        return built_in(settings, keyring)
    except ConfigError:  # LLAMA_BASE_URL cannot be used either: start-up never fails for this
        return built_in(replace(settings, legacy_base_url=""), keyring)
