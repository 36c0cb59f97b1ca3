"""Endpoints of sessions: lists, one session whole, changes, forks, search, files out and in.

Knows: paths and parameters. Does not know: how sessions are kept.
"""

from typing import Annotated, Final

from fastapi import Query

from hostler.client.sessions.records import Session
from hostler.client.sessions.requests import (
    PAGE,
    NewSession,
    Opened,
    SessionChange,
    SessionPage,
    SessionQuery,
)
from hostler.errors import RequestError
from hostler.workbench.api import shapes
from hostler.workbench.api.endpoint import Endpoint
from hostler.workbench.parts import WorkbenchParts

MOST_HITS: Final = 200
Before = Annotated[str, Query(description="`updated,id` of the last session of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500)]


class SessionsApi:
    """Answers for sessions."""

    def __init__(self, parts: WorkbenchParts) -> None:
        self._sessions = parts.sessions
        self._turns = parts.turns

    def endpoints(self) -> list[Endpoint]:
        """All of them; fixed paths come before those with an id."""
        one = "/sessions/{session}"
        return [
            Endpoint("GET", "/sessions", self.list_sessions),
            Endpoint("POST", "/sessions", self.create_session, status=201),
            Endpoint("GET", one, self.open_session, large=True),
            Endpoint("PATCH", one, self.change_session),
            Endpoint("DELETE", one, self.delete_session),
            Endpoint("POST", f"{one}/restore", self.restore_session),
            Endpoint("POST", f"{one}/fork", self.fork_session, status=201),
            Endpoint("GET", "/folders", self.list_folders),
            Endpoint("GET", "/search", self.search),
        ]

    async def list_sessions(
        self, limit: Limit = PAGE, before: Before = "", folder: str | None = None, q: str = ""
    ) -> SessionPage:
        """A page of sessions: pinned first, then the newest."""
        query = SessionQuery(limit=limit, before=_before(before), folder=folder, text=q)
        return await self._sessions.list(query)

    async def create_session(self, body: NewSession) -> Session:
        """A new session without messages."""
        return await self._sessions.create(body)

    async def open_session(self, session: str) -> Opened:
        """A session with all its messages, parents before children; running replies as they stand now."""
        opened = await self._sessions.get(session)
        return Opened(session=opened.session, messages=tuple(self._turns.current(opened.messages)))

    async def change_session(self, session: str, body: SessionChange) -> Session:
        """Change what is given; `prior: false` is going on with a session of an earlier run."""
        return await self._sessions.change(session, body)

    async def delete_session(self, session: str) -> shapes.Gone:
        """Delete a session; what runs in it is stopped. It can be restored for a week."""
        await self._sessions.session(session)
        await self._turns.stop_all(session=session)
        await self._sessions.delete(session)
        await self._turns.stop_all(session=session)  # what another page began meanwhile, and nobody could stop any more
        return shapes.Gone(id=session)

    async def restore_session(self, session: str) -> Session:
        """Undo its deletion."""
        return await self._sessions.restore(session)

    async def fork_session(self, session: str, body: shapes.ForkBody) -> Session:
        """A new session: the path to a message, all its branches, or the message and what follows."""
        return await self._sessions.fork(session, body.message, mode=body.mode)

    async def list_folders(self) -> shapes.Folders:
        """All folders in use."""
        return shapes.Folders(folders=await self._sessions.folders())

    async def search(self, q: str, limit: Annotated[int, Query(ge=1, le=MOST_HITS)] = 50) -> shapes.Hits:
        """Titles and messages that hold all words."""
        return shapes.Hits(hits=await self._sessions.search(q, limit=limit))


def _before(text: str) -> tuple[int, str] | None:
    """Raises RequestError."""
    if not text:
        return None
    updated, comma, id = text.partition(",")
    if not comma or not updated.isascii() or not updated.isdigit() or len(updated) > 15:
        raise RequestError("before: must be `updated,id` of a session.")
    return int(updated), id
