"""The kept conversations: every method waits for the database without keeping the event loop.

Knows: which thread does what, who is told. Does not know: SQL (rows, jobs, searching), HTTP, how a reply is made.

What is written is one transaction each, in the order of the calls; what it changed is published after the commit, on
the database's own thread, so also when whoever asked has gone away meanwhile.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Raw

from hostler.client.sessions import import_jobs, message_jobs, reading, searching, session_jobs
from hostler.client.sessions.exported import ExportedSession
from hostler.client.sessions.parts import Parts
from hostler.client.sessions.records import (
    NO_PARAMS,
    Folder,
    ForkMode,
    Hit,
    Message,
    Params,
    Role,
    Session,
    SessionSummary,
)
from hostler.client.sessions.requests import (
    Begun,
    Edit,
    Edited,
    Ending,
    NewSession,
    NewTurn,
    Opened,
    Piece,
    SessionChange,
    SessionPage,
    SessionQuery,
)
from hostler.client.sessions.writing import Publish, Writing
from hostler.system.clock import Clock, SystemClock
from hostler.system.long_json import give_way
from hostler.system.store import Connection, Store

KEPT_DELETED_S: Final = 7 * 24 * 3600.0
"""How long what was deleted can be restored."""
T = TypeVar("T")


class Sessions:
    """All sessions of a data folder. Methods may be called from any loop.

    They raise NotFound, Conflict and RequestError as said there, and StorageError. Messages come back as a browser may
    see them, except from `message`, `path` and what begins or ends a reply: those keep origins and opaque state.
    """

    def __init__(self, store: Store, publish: Publish, *, started_ms: int, clock: Clock | None = None) -> None:
        """`started_ms`: when this server started, unix ms; sessions not touched since are `prior`."""
        self._store = store
        self._publish = publish
        self._clock: Clock = clock or SystemClock()
        self._started_ms = started_ms
        self._continued: set[str] = set()

    # --------------------------------------------------------------------- sessions

    async def list(self, query: SessionQuery | None = None) -> SessionPage:
        """One page of the list."""
        asked = query or SessionQuery()
        return await asyncio.to_thread(searching.page, self._store, asked, is_prior=self._is_prior)

    async def ids(self) -> tuple[str, ...]:
        """Every session at one moment, the newest first."""
        return await asyncio.to_thread(searching.ids, self._store)

    async def create(self, new: NewSession | None = None) -> Session:
        """A session without messages."""
        return await self._write(lambda w: session_jobs.create(w, new or NewSession()))

    async def get(self, id: str) -> Opened:
        """A session with its messages, parents before children. Raises NotFound."""
        return await asyncio.to_thread(reading.opened, self._store, id, is_prior=self._is_prior)

    async def session(self, id: str) -> Session:
        """A session alone. Raises NotFound."""
        return await asyncio.to_thread(reading.session, self._store, id, is_prior=self._is_prior)

    async def change(self, id: str, change: SessionChange) -> Session:
        """Change what is given; does not count as touching it. Raises NotFound (session or leaf), RequestError."""
        if change.prior is False:
            self._continued.add(id)
        return await self._write(lambda w: session_jobs.change(w, id, asked=change))

    async def delete(self, id: str) -> None:
        """Hide a session; `restore` brings it back for 7 days. Raises NotFound."""
        await self._write(lambda w: session_jobs.delete(w, id))

    async def restore(self, id: str) -> Session:
        """Undo `delete`. Raises NotFound once it is swept away."""
        return await self._write(lambda w: session_jobs.restore(w, id))

    async def fork(self, id: str, message: str, *, mode: ForkMode) -> Session:
        """A new session from a part of this one's tree. Raises NotFound."""
        return await self._write(lambda w: session_jobs.fork(w, id, message=message, mode=mode))

    async def folders(self) -> tuple[Folder, ...]:
        """All folders in use, by name."""
        return await asyncio.to_thread(searching.folders, self._store)

    async def search(self, text: str, *, limit: int = 50) -> tuple[Hit, ...]:
        """Where titles and messages hold all words; nothing that is typed makes it fail."""
        return await asyncio.to_thread(searching.search, self._store, text, limit=limit)

    async def import_sessions(self, sessions: tuple[ExportedSession, ...]) -> tuple[SessionSummary, ...]:
        """Take in checked sessions of a file, all or none; ids are renewed."""
        return await self._write(lambda w: import_jobs.import_sessions(w, sessions))

    # --------------------------------------------------------------------- messages

    async def message(self, id: str) -> Message:
        """A message as it is stored. Raises NotFound."""
        return await asyncio.to_thread(reading.message, self._store, id)

    async def path(self, id: str) -> tuple[Message, ...]:
        """The messages from the root to this one as they are stored, for a request. Raises NotFound."""
        return await asyncio.to_thread(reading.path, self._store, id)

    async def begin_turn(self, session: str, turn: NewTurn) -> Begun:
        """Store what a person said, and replies that begin. Raises NotFound, Conflict when the parent still runs."""
        return await self._write(lambda w: message_jobs.begin_turn(w, session, new=turn))

    async def add(self, session: str, parts: Parts, *, parent: str | None, role: Role = "user") -> Message:
        """A message that nothing answers by itself. Raises NotFound, Conflict."""
        return await self._write(lambda w: message_jobs.add(w, session, parent=parent, role=role, parts=parts))

    async def regenerate(
        self, id: str, *, models: tuple[str, ...] = (), params: Params = NO_PARAMS
    ) -> tuple[Message, ...]:
        """New replies beside a reply (or under a person's message). Raises NotFound, RequestError."""
        return await self._write(lambda w: message_jobs.regenerate(w, id, models=models, params=params))

    async def resume(self, id: str) -> Message:
        """Let a broken-off reply stream again, parts so far included. Raises NotFound, Conflict."""
        return await self._write(lambda w: message_jobs.resume(w, id))

    async def keep_pieces(self, id: str, pieces: tuple[Piece, ...]) -> bool:
        """Keep what a running reply has grown by since the last time; False when it does not run any more."""
        return await self._write(lambda w: message_jobs.keep_pieces(w, id, pieces=pieces))

    async def finish(self, id: str, ending: Ending) -> Message | None:
        """The end of a reply, once: later ones change nothing. None when it was deleted meanwhile."""
        return await self._write(lambda w: message_jobs.finish(w, id, ending=ending))

    async def edit(self, id: str, edit: Edit) -> Edited:
        """The message in other words, as a new sibling. Raises NotFound, RequestError."""
        return await self._write(lambda w: message_jobs.edit(w, id, new=edit))

    async def delete_message(self, id: str) -> tuple[str, ...]:
        """Hide a message and all below it; their ids. Raises NotFound, Conflict when a reply in there runs."""
        return await self._write(lambda w: message_jobs.delete(w, id))

    async def restore_message(self, id: str) -> tuple[Message, ...]:
        """Undo the deletion that took it along, whole. Raises NotFound, Conflict when its parent is deleted."""
        restored = await self._write(lambda w: message_jobs.restore(w, id))
        return tuple(message.public() for message in restored)

    # --------------------------------------------------------------------- upkeep

    async def interrupt_running(self) -> tuple[str, ...]:
        """At start: mark replies that an earlier process left running as interrupted; their ids."""
        return await self._write(message_jobs.interrupt_running)

    async def sweep(self, kept_s: float = KEPT_DELETED_S) -> None:
        """Take away what was deleted longer than `kept_s` seconds ago, a little at a time."""
        before_ms = self._clock.time_ns() // 1_000_000 - round(kept_s * 1000)
        while await self._write(lambda w: session_jobs.sweep(w.connection, before_ms)):
            pass

    def _is_prior(self, id: str, updated_ms: int) -> bool:
        return updated_ms < self._started_ms and id not in self._continued

    async def _write(self, job: Callable[[Writing], T]) -> T:
        def run(connection: Connection) -> T:
            writing = Writing(connection, self._clock, is_prior=self._is_prior)
            with connection.transaction():
                result = job(writing)
            for kind, data in writing.news:
                self._publish(kind, data)
                if isinstance(data, Raw):
                    give_way()
            return result

        return await asyncio.wrap_future(self._store.submit(run, transaction=False))
