"""Endpoints that hand sessions out as files and take them in. Knows media types; does not know the formats."""

from typing import Final, cast

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from hostler.client.sessions import transfer
from hostler.workbench.api import shapes
from hostler.workbench.api.endpoint import JSON, Endpoint
from hostler.workbench.parts import WorkbenchParts

MARKDOWN: Final = "text/markdown"
ALL: Final = "hostler-sessions.json"


class TransferApi:
    """Answers for files of sessions."""

    def __init__(self, parts: WorkbenchParts) -> None:
        self._sessions = parts.sessions

    def endpoints(self) -> list[Endpoint]:
        """All of them; they come before those of single sessions, whose paths would take theirs."""
        return [
            Endpoint("GET", "/sessions/export", self.export_sessions),
            Endpoint("POST", "/sessions/import", self.import_sessions, status=201),
            Endpoint("GET", "/sessions/{session}/export", self.export_session),
        ]

    async def export_sessions(self) -> Response:
        """All sessions as one JSON file."""
        pieces = transfer.export_all(self._sessions)
        return cast("Response", StreamingResponse(pieces, media_type=JSON, headers=_attached(ALL)))

    async def export_session(self, session: str, format: transfer.Format = "json") -> Response:
        """One session as a file: JSON or Markdown with its whole tree, or a page with what is shown."""
        file = await transfer.export_session(self._sessions, session, format=format)
        return Response(file.body, media_type=file.media_type, headers=_attached(file.name))

    async def import_sessions(self, request: Request) -> shapes.Sessions:
        """Take in a JSON export, or one session from Markdown (content type text/markdown): all or nothing."""
        body = await request.body()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        take = transfer.import_markdown if kind == MARKDOWN else transfer.import_json
        return shapes.Sessions(sessions=await take(self._sessions, body))


def _attached(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}
