"""Rows of the sessions' tables as records, and back. Knows the columns; does not know when what is written."""

from collections.abc import Callable, Sequence
from typing import Final, cast

import msgspec

from hostler.client.sessions.parts import from_stored, stored
from hostler.client.sessions.records import (
    ErrorRecord,
    ForkedFrom,
    Message,
    Params,
    Session,
    SessionSummary,
    UsageRecord,
)
from hostler.client.sessions.tree import Node
from hostler.system.long_json import give_way
from hostler.system.store import Row, Value

SUMMARY: Final = (
    "sessions.id, title, created_ms, updated_ms, pinned, folder, model, leaf, "
    "(SELECT count(*) FROM messages AS m WHERE m.session = sessions.id AND m.deleted_ms IS NULL), "
    "EXISTS (SELECT 1 FROM messages AS m WHERE m.session = sessions.id AND m.state = 'streaming' "
    "AND m.deleted_ms IS NULL)"
)
WHOLE: Final = SUMMARY + ", system, params, forked_session, forked_message"
_BUT_PARTS: Final = (
    "id, session, parent, role, state, model, created_ms, position, usage, cost, cost_state, ttft_ms, duration_ms, "
    "finish, error, edited, params, "
)
_PIECES: Final = "FROM reply_pieces AS piece WHERE piece.message = messages.id"
_RECORD: Final = (
    f"SELECT piece.record {_PIECES} AND piece.part = grown.part AND piece.record IS NOT NULL "
    "ORDER BY piece.number DESC LIMIT 1"
)
_TEXT: Final = (
    "SELECT group_concat(ordered.text, '') FROM "
    f"(SELECT piece.text AS text {_PIECES} AND piece.part = grown.part ORDER BY piece.number) AS ordered"
)
_WHOLE: Final = (
    "CASE WHEN whole.text = '' THEN whole.record ELSE json_set(whole.record, "
    "CASE json_extract(whole.record, '$.type') WHEN 'tool_call' THEN '$.arguments' ELSE '$.text' END, whole.text) END"
)
PARTS: Final = (
    f"CASE WHEN state = 'streaming' AND EXISTS (SELECT 1 {_PIECES}) THEN "
    f"(SELECT '[' || group_concat({_WHOLE}, ',') || ']' FROM (SELECT ({_RECORD}) AS record, ({_TEXT}) AS text FROM "
    f"(SELECT DISTINCT piece.part AS part {_PIECES} ORDER BY 1) AS grown) AS whole) ELSE parts END"
)
"""A message's parts as JSON; of a running reply put together from its pieces, within SQLite."""
LONG: Final = 256 << 10
"""Bytes of parts from which on they are read in slices."""
MESSAGE: Final = f"{_BUT_PARTS}CASE WHEN length(CAST({PARTS} AS BLOB)) <= {LONG} THEN CAST({PARTS} AS BLOB) END"
MESSAGE_WITHOUT_PARTS: Final = f"{_BUT_PARTS}CAST('[]' AS BLOB)"
_SLICES: Final = (
    f"WITH RECURSIVE whole (json) AS MATERIALIZED (SELECT CAST({PARTS} AS BLOB) FROM messages WHERE id = ?), "
    f"cut (at) AS (SELECT 1 UNION ALL SELECT at + {LONG} FROM cut, whole WHERE at + {LONG} <= length(json)) "
    f"SELECT substr(json, at, {LONG}) FROM cut, whole ORDER BY at"
)
NODE: Final = "id, parent, position, visited"

NOTHING: Final = b"[]"
Query = Callable[[str, Sequence[Value]], list[Row]]
"""All rows of a reading statement."""
_USAGE: Final = msgspec.json.Decoder(UsageRecord)
_ERROR: Final = msgspec.json.Decoder(ErrorRecord)
_PARAMS: Final = msgspec.json.Decoder(Params)
_ENCODER: Final = msgspec.json.Encoder()


def summary_of(row: Row, *, prior: bool) -> SessionSummary:
    """A row of the columns SUMMARY."""
    return SessionSummary(**_summary_fields(row), prior=prior)  # pyright: ignore[reportArgumentType]  # by column


def session_of(row: Row, *, prior: bool) -> Session:
    """A row of the columns WHOLE."""
    system, params, forked_session, forked_message = row[10:]
    forked = ForkedFrom(session=str(forked_session), message=str(forked_message)) if forked_session else None
    return Session(
        **_summary_fields(row),  # pyright: ignore[reportArgumentType]  # by column
        prior=prior,
        system=str(system),
        params=_PARAMS.decode(str(params)),
        forked_from=forked,
    )


def message_of(row: Row, query: Query) -> Message:
    """A row of the columns MESSAGE, with origins and opaque state. `query` is asked for parts that are long."""
    names = ("id", "session", "parent", "role", "state", "model", "created", "order")
    first = cast("dict[str, str]", dict(zip(names, row, strict=False)))
    usage, cost, cost_state, ttft, duration, finish, error, edited, params, parts = row[8:]
    return Message(
        **first,  # pyright: ignore[reportArgumentType]  # by column
        usage=_USAGE.decode(str(usage)) if usage is not None else None,
        cost=cost,  # pyright: ignore[reportArgumentType]  # by column
        cost_state=cost_state,  # pyright: ignore[reportArgumentType]  # by column
        ttft_ms=ttft,  # pyright: ignore[reportArgumentType]  # by column
        duration_ms=duration,  # pyright: ignore[reportArgumentType]  # by column
        finish=str(finish),
        error=_ERROR.decode(str(error)) if error is not None else None,
        edited=bool(edited),
        params=_PARAMS.decode(str(params)),
        parts=from_stored(cast("bytes", _long_parts(row[0], query) if parts is None else parts)),
    )


def _long_parts(id: Value, query: Query) -> bytes:
    """In one statement, so of one moment; SQLite cuts the slices, and holds up nobody meanwhile."""
    json = b"".join([cast("bytes", piece) for (piece,) in query(_SLICES, (id,))]) or NOTHING
    give_way()
    return json


def values_of(message: Message) -> dict[str, Value]:
    """A message as columns; what only the table knows (row, visited, deleted, indexed) is not among them."""
    return {
        "id": message.id,
        "session": message.session,
        "parent": message.parent,
        "role": message.role,
        "state": message.state,
        "model": message.model,
        "created_ms": message.created,
        "position": message.order,
        "usage": json_of(message.usage),
        "cost": message.cost,
        "cost_state": message.cost_state,
        "ttft_ms": message.ttft_ms,
        "duration_ms": message.duration_ms,
        "finish": message.finish,
        "error": json_of(message.error),
        "edited": int(message.edited),
        "params": json_of(message.params),
        "parts": stored(message.parts),
    }


def node_of(row: Row) -> Node:
    """A row of the columns NODE."""
    return Node(*row)  # pyright: ignore[reportArgumentType]  # by column


def json_of(record: msgspec.Struct | None) -> str | None:
    """A record as its column holds it."""
    return None if record is None else _ENCODER.encode(record).decode()


def _summary_fields(row: Row) -> dict[str, Value]:
    id, title, created, updated, pinned, folder, model, leaf, messages, running = row[:10]
    return {
        "id": id,
        "title": title,
        "created": created,
        "updated": updated,
        "pinned": bool(pinned),
        "folder": folder,
        "model": model,
        "leaf": leaf,
        "messages": messages,
        "running": bool(running),
    }
