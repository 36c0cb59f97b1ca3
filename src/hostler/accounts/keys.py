"""Keys that clients show: made once, stored as hashes, looked up in memory.

Knows: the table `keys`, settings' own keys, when a key is asked for. Does not know where in a request a key stands
(gateway) and what a key may spend (limits).

A key that we make is 256 random bits, so a plain SHA-256 cannot be turned back and nothing is gained by a slow
password hash. The look-up compares digests of what was sent, so its timing says nothing about the keys that exist.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from hostler.errors import ConfigError
from hostler.system.clock import Clock, SystemClock
from hostler.system.store import Connection, Store

PREFIX: Final = "sk-hostler-"
_SECRET_BYTES: Final = 32
_SHOWN: Final = len(PREFIX) + 4
_COLUMNS: Final = "id, name, prefix, created_us, last_used_us, revoked_us"
_CHANGED: Final = "UPDATE counters SET value = value + 1 WHERE name = 'keys'"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """Whose key it is: what the hot path needs to know."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as lists show it. Times in unix µs, None: never; `last_used_us` lags by a minute or so."""

    id: str
    name: str
    prefix: str
    """The key's first characters."""
    created_us: int
    last_used_us: int | None
    revoked_us: int | None


class Keys:
    """All keys of a data folder and of the settings. `check` and `required` are for the hot path.

    The other methods read or write the database and block: call them off the loop. Raises StorageError.
    """

    def __init__(
        self, store: Store, *, fixed: Sequence[str] = (), require_key: bool = False, clock: Clock | None = None
    ) -> None:
        """`fixed` and `require_key` are settings.gateway's `keys` and `require_key`."""
        self._store = store
        self._clock: Clock = clock or SystemClock()
        self._require_key = require_key
        self._fixed = {_digest(key): KeyRecord(f"settings-{n}", f"settings {n}") for n, key in enumerate(fixed, 1)}
        self._records: Mapping[bytes, KeyRecord] = {}
        self._exist = False
        self._version = -1
        self.reload_if_changed()

    def check(self, key: bytes) -> KeyRecord | None:
        """Whose key this is; None when it is unknown or revoked."""
        return self._records.get(sha256(key).digest())

    def required(self, *, loopback: bool) -> bool:
        """Whether a request needs a key: always from elsewhere; on loopback once a key was ever made or set.

        A revoked key counts, since taking a key away must not open the door; `forget` undoes it.
        """
        return self._exist or self._require_key or not loopback

    @property
    def usable(self) -> int:
        """Keys that open the door now; binding beyond loopback needs one."""
        return len(self._records)

    def reload_if_changed(self) -> bool:
        """Take over what this or another process changed; cheap when that is nothing. Returns whether it did."""
        ((version,),) = self._store.query("SELECT value FROM counters WHERE name = 'keys'")
        if version == self._version:
            return False
        rows = self._store.query("SELECT sha256, id, name, revoked_us FROM keys")
        records = {bytes(d): KeyRecord(str(i), str(n)) for d, i, n, revoked in rows if revoked is None}  # pyright: ignore[reportArgumentType]  # a BLOB column
        self._records = records | self._fixed
        self._exist = bool(rows or self._fixed)
        self._version = int(str(version))
        return True

    def create(self, name: str) -> tuple[KeyRow, str]:
        """Make a key. The second value is the key itself: show it once, it is stored nowhere.

        Raises ConfigError when the name is empty or a usable key has it.
        """
        name = name.strip()
        if not name or not name.isprintable():
            raise ConfigError("A key needs a name that can be shown.", hint="Try: hostler keys create laptop")
        secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        made = KeyRow(f"key_{secrets.token_hex(6)}", name, secret[:_SHOWN], self._now(), None, None)

        def insert(connection: Connection) -> None:
            taken = connection.execute("SELECT id FROM keys WHERE name = ? AND revoked_us IS NULL", (name,)).fetchone()
            if taken:
                raise ConfigError(
                    f"There is a key named '{name}' already.", hint="Choose another name, or revoke it first."
                )
            connection.execute(
                "INSERT INTO keys (id, name, prefix, sha256, created_us) VALUES (?, ?, ?, ?, ?)",
                (made.id, made.name, made.prefix, _digest(secret), made.created_us),
            )
            connection.execute(_CHANGED)

        self._store.submit(insert).result()
        self.reload_if_changed()
        return made, secret

    def rows(self) -> list[KeyRow]:
        """All keys that were made, revoked ones too, oldest first. Those in the settings are not among them."""
        found = self._store.query(f"SELECT {_COLUMNS} FROM keys ORDER BY created_us, id")
        return [KeyRow(*row) for row in found]  # pyright: ignore[reportArgumentType]  # by column order

    def revoke(self, name_or_id: str) -> KeyRow:
        """Take a usable key away; its row stays for the ledger's sake. Raises ConfigError when there is none."""
        return self._change(name_or_id, "UPDATE keys SET revoked_us = ? WHERE id = ?", usable=True)

    def forget(self, name_or_id: str) -> KeyRow:
        """Delete a key's row altogether. Raises ConfigError when there is none."""
        return self._change(name_or_id, "DELETE FROM keys WHERE created_us <= ? AND id = ?", usable=False)

    def _change(self, name_or_id: str, sql: str, *, usable: bool) -> KeyRow:
        def change(connection: Connection) -> KeyRow:
            found = connection.execute(
                f"SELECT {_COLUMNS} FROM keys WHERE (id = ? OR name = ?) AND (revoked_us IS NULL OR ? = 0) "
                "ORDER BY revoked_us IS NULL DESC, created_us DESC, id DESC LIMIT 1",
                (name_or_id, name_or_id, int(usable)),
            ).fetchone()
            if found is None:
                raise ConfigError(f"There is no key '{name_or_id}'.", hint="`hostler keys list` shows them all.")
            now = self._now()
            connection.execute(sql, (now, found[0]))
            connection.execute(_CHANGED)
            row = KeyRow(*found)
            return replace(row, revoked_us=now) if usable else row

        changed = self._store.submit(change).result()
        self.reload_if_changed()
        return changed

    def _now(self) -> int:
        return self._clock.time_ns() // 1000


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
