"""What happens to whole sessions, each within one transaction: begin, change, delete, restore, fork, sweep.

Knows: the rules of sessions. Does not know: threads, HTTP.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from hostler.client.sessions import rows
from hostler.client.sessions.ids import MESSAGE, SESSION, new_id
from hostler.client.sessions.records import ForkMode, Session
from hostler.client.sessions.requests import NewSession, SessionChange
from hostler.client.sessions.titles import LONGEST_FOLDER, LONGEST_SYSTEM, checked
from hostler.client.sessions.tree import Tree
from hostler.client.sessions.writing import Writing, no_message
from hostler.errors import RequestError
from hostler.system.store import Connection, Value

_COPIED: Final = (
    "position, role, model, created_ms, ttft_ms, duration_ms, finish, cost, cost_state, usage, error, edited, params, "
    "visited, "
)
_SWEPT_AT_ONCE: Final = 20


def create(w: Writing, new: NewSession) -> Session:
    """A session without messages."""
    return w.tell_session(insert(w, new), "session.created")


def insert(w: Writing, new: NewSession, **columns: Value) -> str:
    """A session with further columns, untold; its id."""
    _check_system(new.system)
    id = new_id(SESSION, w.clock)
    values: dict[str, Value] = {
        "id": id,
        "title": checked(new.title, "title"),
        "created_ms": w.now,
        "updated_ms": w.now,
        "folder": checked(new.folder, "folder's name", limit=LONGEST_FOLDER),
        "model": new.model,
        "system": new.system,
        "params": rows.json_of(new.params),
    } | columns
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    w.connection.execute(f"INSERT INTO sessions ({names}) VALUES ({marks})", tuple(values.values()))
    return id


def change(w: Writing, id: str, *, asked: SessionChange) -> Session:
    """Change what is given. A new leaf is where the path goes on to from the named message."""
    w.session(id)
    w.set_columns(id, **_changed_columns(asked))
    if asked.leaf is not UNSET:
        tree = w.tree(id)
        if asked.leaf not in tree:
            raise no_message(asked.leaf)
        w.set_leaf(id, tree.leaf(asked.leaf))
    return w.tell_session(id)


def delete(w: Writing, id: str) -> None:
    """Hide a session; the sweep takes it away later."""
    w.session(id)
    w.set_columns(id, deleted_ms=w.now)
    w.tell("session.deleted", id=id)


def restore(w: Writing, id: str) -> Session:
    """Undo `delete`; nothing happens to one that is not deleted. Raises NotFound once it was swept."""
    done = w.connection.execute("UPDATE sessions SET deleted_ms = NULL WHERE id = ? AND deleted_ms IS NOT NULL", (id,))
    return w.tell_session(id, "session.created") if done.rowcount else w.session(id)


def fork(w: Writing, id: str, *, message: str, mode: ForkMode) -> Session:
    """A new session with copies of what the mode takes along; a running reply is copied as it stands."""
    old = w.session(id)
    tree = w.tree(id)
    if message not in tree:
        raise no_message(message)
    taken = tree.fork(message, mode)
    fresh = {each: new_id(MESSAGE, w.clock) for each in taken}
    new = NewSession(title=old.title, model=old.model, system=old.system, params=old.params, folder=old.folder)
    made = insert(w, new, forked_session=id, forked_message=message)
    w.connection.executemany(
        f"INSERT INTO messages (id, session, parent, state, indexed, {_COPIED}parts) SELECT ?, ?, ?, CASE state "
        f"WHEN 'streaming' THEN 'interrupted' ELSE state END, 1, {_COPIED}{rows.PARTS} FROM messages WHERE id = ?",
        ((fresh[each], made, fresh.get(tree.parent(each) or ""), each) for each in taken),
    )
    w.connection.execute(
        "UPDATE sessions SET visits = (SELECT visits FROM sessions WHERE id = ?) WHERE id = ?", (id, made)
    )
    w.set_leaf(made, fresh[_fork_leaf(tree, message, mode=mode, leaf=old.leaf)])
    return w.tell_session(made, "session.created")


def sweep(connection: Connection, before_ms: int) -> bool:
    """Take away some of what was deleted before then (unix ms); False when nothing is left of it."""
    old = connection.execute(
        "SELECT id FROM sessions WHERE deleted_ms < ? LIMIT ?", (before_ms, _SWEPT_AT_ONCE)
    ).fetchall()
    connection.executemany("DELETE FROM sessions WHERE id = ?", old)
    if old:
        return True
    # within a session nothing is deleted before what is below it, so no child is left without its parent
    sessions = connection.execute(
        "SELECT DISTINCT session FROM messages WHERE deleted_ms < ? LIMIT ?", (before_ms, _SWEPT_AT_ONCE)
    ).fetchall()
    for (session,) in sessions:
        connection.execute("DELETE FROM messages WHERE session = ? AND deleted_ms < ?", (session, before_ms))
    return bool(sessions)


def _changed_columns(asked: SessionChange) -> Mapping[str, Value]:
    columns: dict[str, Value] = {}
    if asked.title is not UNSET:
        columns["title"] = checked(asked.title, "title")
    if asked.folder is not UNSET:
        columns["folder"] = checked(asked.folder, "folder's name", limit=LONGEST_FOLDER)
    if asked.pinned is not UNSET:
        columns["pinned"] = int(asked.pinned)
    if asked.model is not UNSET:
        columns["model"] = asked.model
    if asked.system is not UNSET:
        columns["system"] = _check_system(asked.system)
    if asked.params is not UNSET:
        columns["params"] = rows.json_of(asked.params)
    return columns


def _check_system(text: str) -> str:
    if len(text) > LONGEST_SYSTEM:
        raise RequestError(f"The system prompt has {len(text)} characters; at most {LONGEST_SYSTEM} are kept.")
    return text


def _fork_leaf(tree: Tree, message: str, *, mode: ForkMode, leaf: str | None) -> str:
    if mode == "path":
        return message
    if leaf is not None and leaf in tree and message in tree.path(leaf):
        return leaf
    return tree.leaf(message) or message
