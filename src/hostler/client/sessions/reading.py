"""One session or message read from its tables, on a reader's connection. Blocking. Raises NotFound."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, cast

from hostler.client.sessions import rows
from hostler.client.sessions.records import Message, Session
from hostler.client.sessions.requests import Opened
from hostler.client.sessions.writing import no_message, no_session
from hostler.system.long_json import SLICE, give_way
from hostler.system.store import Row, Store

IsPrior = Callable[[str, int], bool]
_LEAST: Final = 500
"""Bytes of parts that take as long to read as the rest of a message."""
_LIVE: Final = (
    "deleted_ms IS NULL AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = session AND sessions.deleted_ms IS NULL)"
)
_PATH: Final = (
    "WITH RECURSIVE up (at, before, depth) AS ("
    f"SELECT id, parent, 0 FROM messages WHERE id = ? AND {_LIVE} "
    "UNION ALL SELECT id, parent, depth + 1 FROM up JOIN messages ON id = before) "
    f"SELECT {rows.MESSAGE} FROM up JOIN messages ON id = at ORDER BY depth DESC"
)


def session(store: Store, id: str, *, is_prior: IsPrior) -> Session:
    """A session that is not deleted."""
    found = store.query(f"SELECT {rows.WHOLE} FROM sessions WHERE id = ? AND deleted_ms IS NULL", (id,))
    if not found:
        raise no_session(id)
    return rows.session_of(found[0], prior=is_prior(id, int(str(found[0][3]))))


def opened(store: Store, id: str, *, is_prior: IsPrior) -> Opened:
    """A session with its messages as a browser may see them, parents before children.

    Read one after the other: a message that comes in between is there and counted nowhere, and told by an event.
    """
    found = session(store, id, is_prior=is_prior)
    messages = store.query(
        f"SELECT {rows.MESSAGE} FROM messages WHERE session = ? AND deleted_ms IS NULL ORDER BY row", (id,)
    )
    return Opened(session=found, messages=tuple(message.public() for message in _read(store, messages)))


def message(store: Store, id: str) -> Message:
    """A message as it is stored."""
    found = store.query(f"SELECT {rows.MESSAGE} FROM messages WHERE id = ? AND {_LIVE}", (id,))
    if not found:
        raise no_message(id)
    return rows.message_of(found[0], store.query)


def path(store: Store, id: str) -> tuple[Message, ...]:
    """From the root to this message, as they are stored."""
    found = store.query(_PATH, (id,))
    if not found:
        raise no_message(id)
    return tuple(_read(store, found))


def _read(store: Store, found: Iterable[Row]) -> Iterator[Message]:
    """Rows as messages, a loop beside this thread let on after each slice of them."""
    size = 0
    for row in found:
        size += _LEAST + (SLICE if row[-1] is None else len(cast("bytes", row[-1])))
        yield rows.message_of(row, store.query)
        if size > SLICE:
            size = 0
            give_way()
