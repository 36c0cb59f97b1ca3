"""What a person set in the workbench: keys with any JSON below them.

Knows: the table `preferences`, bounds. Does not know what a key means; that is the page's.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from hostler.client.sessions.writing import Publish
from hostler.errors import RequestError
from hostler.system.store import Connection, Store

MAX_KEYS: Final = 200
MAX_VALUE: Final = 256 * 1024
"""Bytes of one value's JSON."""
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class Preferences:
    """All preferences of a data folder. Methods do not keep the event loop and raise StorageError."""

    def __init__(self, store: Store, publish: Publish) -> None:
        self._store = store
        self._publish = publish

    async def get_all(self) -> dict[str, object]:
        """Every key with its value."""
        found = await self._store.read("SELECT key, value FROM preferences ORDER BY key")
        return {str(key): msgspec.json.decode(str(value)) for key, value in found}

    async def change(self, changes: Mapping[str, object]) -> dict[str, object]:
        """Set keys; None takes one away. All or nothing; everything as it then is.

        Publishes `preferences.changed`. Raises RequestError: no such key can be, a value too large, too many keys.
        """
        written = {key: _json(key, value) for key, value in changes.items()}

        def run(connection: Connection) -> None:
            with connection.transaction():
                for key, value in written.items():
                    connection.execute("DELETE FROM preferences WHERE key = ?", (key,))
                    if value is not None:
                        connection.execute("INSERT INTO preferences (key, value) VALUES (?, ?)", (key, value))
                ((kept,),) = connection.execute("SELECT count(*) FROM preferences").fetchall()
                if kept > MAX_KEYS:
                    raise RequestError(f"At most {MAX_KEYS} preferences are kept.")
            if written:
                self._publish("preferences.changed", {"keys": list(written)})

        await asyncio.wrap_future(self._store.submit(run, transaction=False))
        return await self.get_all()


def _json(key: str, value: object) -> str | None:
    if not _KEY.fullmatch(key):
        raise RequestError(f"{key[:80]!r} cannot be a preference's name.", hint="Letters, digits, '_', '.' and '-'.")
    if value is None:
        return None
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError) as error:
        raise RequestError(f"The preference {key} is no JSON: {error}.") from None
    if len(text) > MAX_VALUE:
        raise RequestError(f"The preference {key} is too large: at most {MAX_VALUE} bytes are kept.")
    return text
