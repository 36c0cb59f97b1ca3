"""Takes checked sessions of a file into the database, within one transaction: all of them or none.

Knows: ids are renewed, times and order kept. Does not know: the file's format.
"""

from collections.abc import Iterable

from hostler.client.sessions.exported import ExportedMessage, ExportedSession
from hostler.client.sessions.ids import MESSAGE, new_id
from hostler.client.sessions.parts import public, visible_text
from hostler.client.sessions.records import Message, Session, SessionSummary
from hostler.client.sessions.requests import NewSession
from hostler.client.sessions.session_jobs import insert
from hostler.client.sessions.titles import title_from
from hostler.client.sessions.writing import Writing


def import_sessions(w: Writing, sessions: tuple[ExportedSession, ...]) -> tuple[SessionSummary, ...]:
    """Insert them; what ran when it was exported is interrupted."""
    return tuple(_import(w, session).summary() for session in sessions)


def _import(w: Writing, old: ExportedSession) -> Session:
    created = old.created or w.now
    new = NewSession(
        title=old.title or _title(old.messages),
        model=old.model,
        system=old.system,
        params=old.params,
        folder=old.folder,
    )
    updated = max(old.updated, created)
    id = insert(w, new, created_ms=created, updated_ms=updated, pinned=int(old.pinned))
    fresh = {message.id: new_id(MESSAGE, w.clock) for message in old.messages}
    for message in old.messages:
        parent = fresh[message.parent] if message.parent is not None else None
        w.insert(_message(message, id=fresh[message.id], session=id, parent=parent, now=w.now))
    w.set_leaf(id, fresh[old.leaf] if old.leaf is not None else None)
    return w.tell_session(id, "session.created")


def _message(old: ExportedMessage, *, id: str, session: str, parent: str | None, now: int) -> Message:
    return Message(
        id=id,
        session=session,
        parent=parent,
        role=old.role,
        state="interrupted" if old.state == "streaming" else old.state,
        parts=public(old.parts),
        model=old.model,
        created=old.created or now,
        order=old.order,
        usage=old.usage,
        cost=old.cost,
        cost_state=old.cost_state,
        ttft_ms=old.ttft_ms,
        duration_ms=old.duration_ms,
        finish=old.finish,
        error=old.error,
        edited=old.edited,
        params=old.params,
    )


def _title(messages: Iterable[ExportedMessage]) -> str:
    said = next((message for message in messages if message.role == "user"), None)
    return title_from(visible_text(said.parts)) if said else ""
