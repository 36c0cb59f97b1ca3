"""What many requests have in common, stored once: from the text of a line's kind to a row of `kinds`.

Knows: the table `kinds`. Does not know journals, and of requests only that they refer to it. One kind may have several
rows: if it fell out of the memory here it gets another, which is cheaper than looking for the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from hostler.accounts.ledger import CallKind, Refusal, encode_kind
from hostler.system.store import Connection

MAX_KINDS: Final = 4096
"""Kinds in memory; then the older half is forgotten. Clients name models freely, so there is no end to them."""
LONGEST: Final = 1024
"""Bytes of a kind's text; a longer one is stored with each of its requests, and not kept in memory."""

_COLUMNS: Final = "id, face, operation, model, provider, upstream_model, stream, key_id"
_STORE: Final = (
    f"INSERT INTO kinds ({_COLUMNS}, last_request) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET last_request = excluded.last_request"
)
_decoder: Final = msgspec.json.Decoder(CallKind)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind, its text in the journal, and the id of its row, which exists once a request refers to it."""

    id: int
    text: bytes
    call: CallKind


class Kinds(dict[bytes, Kind]):
    """Text to kind. A new text is read and gets the next id; raises one of DAMAGE when it is none of ours.

    A dict, since one look-up is all that nearly every request needs of it.
    """

    def __init__(self, connection: Connection) -> None:
        """Begin with the kinds that were in use last. Raises sqlite3.Error."""
        super().__init__()
        self._last: int = connection.execute("SELECT coalesce(max(id), 0) FROM kinds").fetchone()[0]
        rows: list[tuple[int, str, str, str, str, str, int, str | None]] = connection.execute(
            f"SELECT {_COLUMNS} FROM kinds ORDER BY last_request DESC LIMIT ?", (MAX_KINDS // 2,)
        ).fetchall()
        for identity, face, operation, model, provider, upstream, stream, key in reversed(rows):
            call = CallKind(face, operation, model, provider, upstream, bool(stream), key)
            self._keep(Kind(identity, encode_kind(call), call))

    def __missing__(self, text: bytes) -> Kind:
        kind = Kind(self._last + 1, text, _decoder.decode(text))
        self._last = kind.id
        if len(self) >= MAX_KINDS:
            for old in list(islice(self, MAX_KINDS // 2)):
                del self[old]
        self._keep(kind)
        return kind

    def of_refusal(self, line: Refusal) -> Kind:
        """The kind of a request that nobody was asked for: empty texts are NULL in `requests`."""
        return self[encode_kind(CallKind(line.face, line.operation, line.model or "", "", "", False, line.key))]

    def _keep(self, kind: Kind) -> None:
        if len(kind.text) <= LONGEST:
            self[kind.text] = kind


def store_kinds(connection: Connection, kinds: Iterable[Kind], *, last_request: int) -> None:
    """Store what new rows refer to, in their transaction; `last_request` is the largest id of them."""
    connection.executemany(
        _STORE,
        [
            (k.id, c.face, c.operation, c.model, c.provider, c.upstream, c.stream, c.key, last_request)
            for k in kinds
            for c in (k.call,)
        ],
    )


def delete_unused_kinds(connection: Connection) -> None:
    """Delete the kinds whose requests are all gone. One that is remembered is stored again with its next request."""
    connection.execute("DELETE FROM kinds WHERE last_request < (SELECT min(id) FROM request_rows)")
