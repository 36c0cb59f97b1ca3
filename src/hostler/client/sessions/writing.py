"""One transaction over the sessions' tables, and the news that it makes, told once it is committed.

Knows: finding, inserting, who must be told what. Does not know: which request it serves, threads.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw

from hostler.client.sessions import rows
from hostler.client.sessions.ids import MESSAGE, new_id
from hostler.client.sessions.records import NO_PARAMS, Message, Params, Parts, Session
from hostler.client.sessions.tree import Tree
from hostler.errors import Conflict, NotFound
from hostler.system.clock import Clock
from hostler.system.long_json import sliced
from hostler.system.store import Connection, Row, Value

News = Mapping[str, object] | Raw
Publish = Callable[[str, News], object]
"""Tells an event: its kind, and its data as plain JSON values, or as JSON where it is long. Called on the database's
thread, after the commit."""
IsPrior = Callable[[str, int], bool]
"""Whether a session (its id, when it was updated) was not touched since this server started."""

_LIVE: Final = "deleted_ms IS NULL"


class Writing:
    """A transaction under way, on the database's thread."""

    def __init__(self, connection: Connection, clock: Clock, *, is_prior: IsPrior) -> None:
        self.connection = connection
        self.clock = clock
        self.now: int = clock.time_ns() // 1_000_000
        self.news: list[tuple[str, News]] = []
        self._is_prior = is_prior

    # --------------------------------------------------------------------- finding

    def session(self, id: str) -> Session:
        """A session that is not deleted. Raises NotFound."""
        row = self.connection.execute(f"SELECT {rows.WHOLE} FROM sessions WHERE id = ? AND {_LIVE}", (id,)).fetchone()
        if row is None:
            raise no_session(id)
        return rows.session_of(row, prior=self._is_prior(row[0], row[3]))

    def message(self, id: str) -> Message:
        """A message that is not deleted, of a session that is not deleted. Raises NotFound."""
        found = self.find_message(id)
        if found is None:
            raise no_message(id)
        return found

    def find_message(self, id: str, *, parts: Parts | None = None) -> Message | None:
        """The same; None when there is none. `parts`, where they are known already, are not read again."""
        columns = rows.MESSAGE if parts is None else rows.MESSAGE_WITHOUT_PARTS
        row = self.connection.execute(
            f"SELECT {columns} FROM messages WHERE id = ? AND {_LIVE} "
            f"AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = session AND sessions.{_LIVE})",
            (id,),
        ).fetchone()
        if row is None:
            return None
        message = rows.message_of(row, self.query)
        return message if parts is None else msgspec.structs.replace(message, parts=parts)

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """All rows of a reading statement, as this transaction sees them."""
        return self.connection.execute(sql, parameters).fetchall()

    def tree(self, session: str) -> Tree:
        """The messages of a session that are not deleted."""
        found = self.connection.execute(f"SELECT {rows.NODE} FROM messages WHERE session = ? AND {_LIVE}", (session,))
        return Tree(map(rows.node_of, found))

    # --------------------------------------------------------------------- writing

    def add(self, message: Message) -> Message:
        """Insert a message as the last of its siblings; told and read as it then is."""
        ((order,),) = self.connection.execute(
            "SELECT ifnull(max(position) + 1, 0) FROM messages WHERE session = ? AND ifnull(parent, '') = ?",
            (message.session, message.parent or ""),
        ).fetchall()
        added = msgspec.structs.replace(message, order=order)
        self.insert(added)
        self.tell("message.created", session=added.session, message=added.public())
        return added

    def insert(self, message: Message, *, visited: int = 0) -> None:
        """Insert a message just as it is, untold; a running reply's text is searched once it has ended."""
        values = rows.values_of(message) | {"visited": visited, "indexed": int(message.state != "streaming")}
        names = ", ".join(values)
        marks = ", ".join("CAST(? AS TEXT)" if name == "parts" else "?" for name in values)
        self.connection.execute(f"INSERT INTO messages ({names}) VALUES ({marks})", tuple(values.values()))

    def reply(self, session: str, parent: str, *, model: str, params: Params = NO_PARAMS) -> Message:
        """A reply that begins under `parent`."""
        return self.add(
            Message(
                id=new_id(MESSAGE, self.clock),
                session=session,
                parent=parent,
                role="assistant",
                state="streaming",
                model=model,
                created=self.now,
                params=params,
            )
        )

    def set_leaf(self, session: str, leaf: str | None) -> None:
        """Let the visible path end at `leaf`, and remember that it did."""
        self.connection.execute("UPDATE sessions SET leaf = ?, visits = visits + 1 WHERE id = ?", (leaf, session))
        if leaf is not None:
            self.connection.execute(
                "UPDATE messages SET visited = (SELECT visits FROM sessions WHERE sessions.id = session) WHERE id = ?",
                (leaf,),
            )

    def touch(self, session: str, **columns: Value) -> None:
        """Note that the session was gone on with, and set further columns."""
        self.set_columns(session, updated_ms=self.now, **columns)

    def set_columns(self, session: str, **columns: Value) -> None:
        """Set columns of the session's row."""
        if columns:
            names = ", ".join(f"{name} = ?" for name in columns)
            self.connection.execute(f"UPDATE sessions SET {names} WHERE id = ?", (*columns.values(), session))

    # --------------------------------------------------------------------- telling

    def tell(self, kind: str, **data: "msgspec.Struct | str | Iterable[str] | Iterable[Message]") -> None:
        """Publish this once the transaction is committed; messages must be public."""
        plain: dict[str, object] = msgspec.to_builtins(data)
        told = sliced(plain)
        self.news.append((kind, plain if told is plain else Raw(msgspec.json.encode(told))))

    def tell_session(self, id: str, kind: str = "session.changed") -> Session:
        """Publish the session as it now is."""
        session = self.session(id)
        self.tell(kind, session=session.summary())
        return session

    def tell_message(self, id: str) -> Message:
        """Publish the message as it now is."""
        message = self.message(id)
        self.tell("message.changed", session=message.session, message=message.public())
        return message


def no_session(id: str) -> NotFound:
    """There is none with that id, or it is deleted."""
    return NotFound(f"There is no session {id}.")


def no_message(id: str) -> NotFound:
    """There is none with that id, or it is deleted."""
    return NotFound(f"There is no message {id}.")


def still_running() -> Conflict:
    """A running reply stands against it."""
    return Conflict("A reply is still running there.", hint="Stop it first, or wait for its end.")
