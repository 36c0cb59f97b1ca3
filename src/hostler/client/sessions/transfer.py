"""Sessions out of this hostler and into it: JSON and Markdown with whole trees, a page with what is shown.

Knows: which format means what, file names. Does not know: HTTP, SQL. Nothing here keeps the event loop.
"""

import asyncio
import re
import unicodedata
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from hostler.client.sessions.exported import (
    NOTE,
    VERSION,
    Export,
    ExportedMessage,
    ExportedSession,
    exported,
    read,
)
from hostler.client.sessions.markdown_in import session_of
from hostler.client.sessions.markdown_out import markdown
from hostler.client.sessions.page import page
from hostler.client.sessions.records import SessionSummary
from hostler.client.sessions.requests import Opened
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tree import Node, Tree
from hostler.errors import NotFound, RequestError

Format = Literal["json", "markdown", "html"]
MEDIA_TYPES: Final[dict[Format, str]] = {
    "json": "application/json",
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
}
_SUFFIXES: Final[dict[Format, str]] = {"json": ".json", "markdown": ".md", "html": ".html"}
_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file to hand out; `name` is plain ASCII without separators."""

    name: str
    media_type: str
    body: bytes


async def export_session(sessions: Sessions, id: str, *, format: Format) -> ExportedFile:
    """One session as a file. Raises NotFound."""
    opened = await sessions.get(id)
    body = await asyncio.to_thread(_written, opened, format)
    return ExportedFile(file_name(opened.session.title, format), MEDIA_TYPES[format], body)


async def export_all(sessions: Sessions) -> AsyncGenerator[bytes]:
    """All sessions as one JSON export, piece by piece, so that memory holds one session at a time."""
    head = {"hostler": "sessions", "version": VERSION, "note": NOTE}
    yield msgspec.json.encode(head)[:-1] + b',"sessions":['
    separator = b"\n"
    for id in await sessions.ids():
        try:
            opened = await sessions.get(id)
        except NotFound:  # deleted meanwhile
            continue
        yield separator + await asyncio.to_thread(_encoded, opened)
        separator = b",\n"
    yield b"\n]}\n"


async def import_json(sessions: Sessions, body: bytes) -> tuple[SessionSummary, ...]:
    """Take in what a JSON export holds, all or nothing. Raises RequestError that names what is wrong where."""
    return await sessions.import_sessions(await asyncio.to_thread(read, body))


async def import_markdown(sessions: Sessions, body: bytes) -> tuple[SessionSummary, ...]:
    """Take in one session from Markdown. Raises RequestError that names the line."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(
            f"The file is not UTF-8: byte {error.start} is wrong.", hint="Nothing was imported."
        ) from None
    return await sessions.import_sessions((await asyncio.to_thread(session_of, text),))


def file_name(title: str, format: Format) -> str:
    """A name for the file: the title's letters and digits as far as they are ASCII."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return (re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:_NAME].rstrip("-") or "session") + _SUFFIXES[format]


def visible_path(session: ExportedSession) -> tuple[ExportedMessage, ...]:
    """The messages from the root to the session's leaf."""
    if session.leaf is None:
        return ()
    by_id = {message.id: message for message in session.messages}
    tree = Tree(Node(message.id, message.parent) for message in session.messages)
    return tuple(by_id[id] for id in tree.path(session.leaf)) if session.leaf in tree else ()


def _written(opened: Opened, format: Format) -> bytes:
    session = exported(opened.session, opened.messages)
    match format:
        case "json":
            export = Export(hostler="sessions", version=VERSION, note=NOTE, sessions=(session,))
            return msgspec.json.format(msgspec.json.encode(export), indent=1) + b"\n"
        case "markdown":
            return markdown(session, visible_path(session)).encode()
        case "html":
            return page(session, visible_path(session)).encode()


def _encoded(opened: Opened) -> bytes:
    return msgspec.json.encode(exported(opened.session, opened.messages))
