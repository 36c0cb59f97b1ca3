"""What happens to messages, each within one transaction: turns, replies' ends, edits, deletions.

Knows: the rules of the tree and of states. Does not know: threads, HTTP, how a reply is made.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from hostler.client.sessions import rows
from hostler.client.sessions.ids import MESSAGE, new_id
from hostler.client.sessions.parts import Parts, public, stored, stored_part, visible_text
from hostler.client.sessions.records import Message, Params, Role
from hostler.client.sessions.requests import Begun, Edit, Edited, Ending, NewTurn, Piece
from hostler.client.sessions.titles import title_from
from hostler.client.sessions.writing import Writing, no_message, still_running
from hostler.errors import Conflict, RequestError
from hostler.system.long_json import SLICE
from hostler.system.store import Value

MAX_REPLIES: Final = 8
"""Models that answer side by side."""
RESUMABLE: Final = frozenset({"interrupted", "cancelled", "failed"})


# ------------------------------------------------------------------------- turns


def begin_turn(w: Writing, session: str, *, new: NewTurn) -> Begun:
    """The person's message, and replies that begin under it."""
    _check_models(new.models)
    found = w.session(session)
    if new.parent is not None:
        _check_parent(w, new.parent, session=session)
    user = _say(w, session, parent=new.parent, parts=new.parts)
    replies = _replies(w, user, models=new.models, params=new.params)
    title = found.title or title_from(visible_text(user.parts))
    _go_on(w, session, leaf=(replies or (user,))[0].id, title=title, model=(new.models or (found.model,))[0])
    return Begun(user=user, replies=replies)


def add(w: Writing, session: str, *, parent: str | None, role: Role, parts: Parts) -> Message:
    """A message that nothing answers by itself."""
    found = w.session(session)
    if parent is not None:
        _check_parent(w, parent, session=session)
    message = _say(w, session, parent=parent, parts=parts, role=role)
    title = found.title or (title_from(visible_text(parts)) if role == "user" else "")
    _go_on(w, session, leaf=message.id, title=title)
    return message


def regenerate(w: Writing, id: str, *, models: tuple[str, ...], params: Params) -> tuple[Message, ...]:
    """New replies beside a reply, or under a person's message; without `models` by the model of that reply.

    Another model is asked for this one answer: the session keeps its own.
    """
    message = w.message(id)
    asked = message if message.role != "assistant" else None
    if asked is None:
        if message.parent is None:
            raise RequestError("Nothing stands before this reply that could be answered again.")
        asked = w.message(message.parent)
        models = models or (message.model,)
    _check_models(models)
    if not models or not models[0]:
        raise RequestError("No model was named.")
    replies = _replies(w, asked, models=models, params=params)
    _go_on(w, message.session, leaf=replies[0].id)
    return replies


def resume(w: Writing, id: str) -> Message:
    """Let a reply that was broken off, or cut at its length, go on in the same message."""
    message = w.message(id)
    if message.role != "assistant":
        raise Conflict("Only a reply can be continued.")
    if message.state == "streaming":
        raise still_running()
    if message.state not in RESUMABLE and message.finish != "length":
        raise Conflict("This reply came to its end.", hint="Ask for another one, or say something.")
    w.connection.execute(
        "UPDATE messages SET state = 'streaming', indexed = 0, error = NULL, finish = '' WHERE id = ?", (id,)
    )
    resumed = w.tell_message(id)
    _go_on(w, message.session, leaf=w.tree(message.session).leaf(id))
    return resumed


def keep_pieces(w: Writing, id: str, *, pieces: Iterable[Piece]) -> bool:
    """What a running reply has grown by; False when it does not run any more. Told by deltas, not here."""
    if not w.connection.execute("SELECT 1 FROM messages WHERE id = ? AND state = 'streaming'", (id,)).fetchone():
        return False
    w.connection.executemany(
        "INSERT INTO reply_pieces (message, part, record, text, number) SELECT ?1, ?2, CAST(?3 AS TEXT), ?4, "
        "(SELECT ifnull(max(number) + 1, 0) FROM reply_pieces WHERE message = ?1 AND part = ?2)",
        (row for piece in pieces for row in _piece_rows(id, piece)),
    )
    return True


def _piece_rows(id: str, piece: Piece) -> Iterator[tuple[Value, ...]]:
    record = None if piece.record is None else stored_part(piece.record)
    yield id, piece.part, record, piece.text[:SLICE]
    for at in range(SLICE, len(piece.text), SLICE):
        yield id, piece.part, None, piece.text[at : at + SLICE]


def finish(w: Writing, id: str, *, ending: Ending) -> Message | None:
    """The end of a reply; one that had ended already stays as it is. None: it was deleted."""
    if ending.state == "streaming":
        raise ValueError("a reply that has ended does not stream")
    done = w.connection.execute(
        "UPDATE messages SET state = ?, parts = CAST(? AS TEXT), usage = ?, cost = ?, cost_state = ?, ttft_ms = ?, "
        "duration_ms = ?, finish = ?, error = ?, indexed = 1 WHERE id = ? AND state = 'streaming'",
        (
            ending.state,
            stored(ending.parts),
            rows.json_of(ending.usage),
            ending.cost,
            ending.cost_state,
            ending.ttft_ms,
            ending.duration_ms,
            ending.finish,
            rows.json_of(ending.error),
            id,
        ),
    )
    if not done.rowcount:
        return w.find_message(id)
    w.connection.execute("DELETE FROM reply_pieces WHERE message = ?", (id,))
    message = w.find_message(id, parts=ending.parts)
    if message is None:
        return None
    w.tell("message.changed", session=message.session, message=message.public())
    w.touch(message.session)
    w.tell_session(message.session)
    return message


def interrupt_running(w: Writing) -> tuple[str, ...]:
    """Replies that an earlier process left running; their sessions do not count as touched."""
    ids = [id for (id,) in w.connection.execute("SELECT id FROM messages WHERE state = 'streaming'")]
    w.connection.execute(
        f"UPDATE messages SET parts = {rows.PARTS}, state = 'interrupted', indexed = 1 WHERE state = 'streaming'"
    )
    w.connection.execute("DELETE FROM reply_pieces")
    shown = [w.tell_message(id) for id in ids if w.find_message(id)]
    for session in dict.fromkeys(message.session for message in shown):
        w.tell_session(session)
    return tuple(ids)


# ------------------------------------------------------------------------- editing, deleting


def edit(w: Writing, id: str, *, new: Edit) -> Edited:
    """The same message in other words: a new sibling, the old one stays. Only a person's message is answered."""
    _check_models(new.models)
    old = w.message(id)
    message = w.add(
        Message(
            id=new_id(MESSAGE, w.clock),
            session=old.session,
            parent=old.parent,
            role=old.role,
            parts=public(new.parts),
            model=old.model,
            created=w.now,
            finish="stop" if old.role == "assistant" else "",
            edited=True,
            params=old.params,
        )
    )
    models = new.models if old.role == "user" else ()
    replies = _replies(w, message, models=models, params=new.params)
    _go_on(w, old.session, leaf=(replies or (message,))[0].id, **({"model": models[0]} if models else {}))
    return Edited(message=message, replies=replies)


def delete(w: Writing, id: str) -> tuple[str, ...]:
    """Mark a message and all below it as deleted; the path goes on with what is left beside it."""
    message = w.message(id)
    tree = w.tree(message.session)
    ids = tuple(tree.below(id))
    gone = set(ids)
    running = w.connection.execute(
        "SELECT id FROM messages WHERE session = ? AND state = 'streaming'", (message.session,)
    )
    if any(running_id in gone for (running_id,) in running):
        raise still_running()
    # never before what is below it and was deleted earlier, by whatever clock: the sweep goes by this time
    w.connection.executemany(
        "UPDATE messages SET deleted_with = ?, deleted_ms = max(?, "
        "(SELECT ifnull(max(deleted_ms), 0) FROM messages AS m WHERE m.session = messages.session)) WHERE id = ?",
        ((id, w.now, each) for each in ids),
    )
    if w.session(message.session).leaf in gone:
        w.set_leaf(message.session, w.tree(message.session).leaf(message.parent))
    w.tell("message.deleted", session=message.session, ids=ids)
    w.tell_session(message.session)
    return ids


def restore(w: Writing, id: str) -> tuple[Message, ...]:
    """Undo the deletion that took this message along, whole; parents first. Nothing if it is not deleted."""
    row = w.connection.execute("SELECT session, deleted_with FROM messages WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise no_message(id)
    session, root = row
    w.session(session)
    if root is None:
        return ()
    ((parent,),) = w.connection.execute("SELECT parent FROM messages WHERE id = ?", (root,)).fetchall()
    if parent is not None:
        deleted = w.connection.execute("SELECT deleted_ms FROM messages WHERE id = ?", (parent,)).fetchone()[0]
        if deleted is not None:
            raise Conflict("What stands before this message is deleted too.", hint=f"Restore {parent} first.")
    found = w.connection.execute(
        f"SELECT {rows.MESSAGE} FROM messages WHERE deleted_with = ? ORDER BY row", (root,)
    ).fetchall()
    w.connection.execute("UPDATE messages SET deleted_ms = NULL, deleted_with = NULL WHERE deleted_with = ?", (root,))
    messages = tuple(rows.message_of(found_row, w.query) for found_row in found)
    w.set_leaf(session, w.tree(session).leaf(root))
    w.tell("message.restored", session=session, messages=[message.public() for message in messages])
    w.tell_session(session)
    return messages


# ------------------------------------------------------------------------- common steps


def _check_models(models: tuple[str, ...]) -> None:
    if len(models) > MAX_REPLIES:
        raise RequestError(f"{len(models)} models were named; at most {MAX_REPLIES} answer side by side.")


def _check_parent(w: Writing, parent: str, *, session: str) -> None:
    message = w.message(parent)
    if message.session != session:
        raise no_message(parent)
    if message.state == "streaming":
        raise still_running()


def _say(w: Writing, session: str, *, parent: str | None, parts: Parts, role: Role = "user") -> Message:
    id = new_id(MESSAGE, w.clock)
    return w.add(Message(id=id, session=session, parent=parent, role=role, parts=public(parts), created=w.now))


def _replies(w: Writing, asked: Message, *, models: tuple[str, ...], params: Params) -> tuple[Message, ...]:
    if not models:
        return ()
    used = params.over(w.session(asked.session).params)
    return tuple(w.reply(asked.session, asked.id, model=model, params=used) for model in models)


def _go_on(w: Writing, session: str, *, leaf: str | None, **columns: str) -> None:
    w.set_leaf(session, leaf)
    w.touch(session, **columns)
    w.tell_session(session)
