"""Sessions as a file holds them, and whether such a file can be taken in.

Knows: the export's shape and version, bounds, what makes a tree whole. Does not know: Markdown, the database.
Opaque state and origins are not part of it: they are worth something to the provider that made them alone.
"""

from typing import Final, Literal

import msgspec

from hostler.client.sessions.records import (
    NO_PARAMS,
    CostState,
    ErrorRecord,
    Message,
    Params,
    Parts,
    Role,
    Session,
    State,
    UsageRecord,
)
from hostler.client.sessions.titles import LONGEST, LONGEST_FOLDER, LONGEST_SYSTEM
from hostler.client.sessions.tree import Node, Tree
from hostler.errors import RequestError

VERSION: Final = 1
NOTE: Final = (
    "Opaque parts (signatures, encrypted reasoning) are left out: they are of use only to the provider that made them."
)
MAX_SESSIONS: Final = 20_000
MAX_MESSAGES: Final = 200_000
"""Of one session."""
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_LATEST_MS: Final = 253_402_300_799_999  # the end of the year 9999


class ExportedMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message of the tree; `id` and `parent` mean something within the file only."""

    id: str
    parent: str | None = None
    order: int = 0
    role: Role
    state: State = "complete"
    parts: Parts = ()
    model: str = ""
    created: int = 0
    usage: UsageRecord | None = None
    cost: float | None = None
    cost_state: CostState = "unknown"
    ttft_ms: int | None = None
    duration_ms: int | None = None
    finish: str = ""
    error: ErrorRecord | None = None
    edited: bool = False
    params: Params = NO_PARAMS


class ExportedSession(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session with all its messages that are not deleted. Times in unix ms, 0: unknown."""

    id: str = ""
    title: str = ""
    created: int = 0
    updated: int = 0
    pinned: bool = False
    folder: str = ""
    model: str = ""
    system: str = ""
    params: Params = NO_PARAMS
    leaf: str | None = None
    messages: tuple[ExportedMessage, ...] = ()


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    hostler: Literal["sessions"]
    version: int
    exported: int = 0
    note: str = ""
    sessions: tuple[ExportedSession, ...]


class _Head(msgspec.Struct, frozen=True):
    hostler: str = ""
    version: int = 0


def exported(session: Session, messages: tuple[Message, ...]) -> ExportedSession:
    """A session as a file holds it."""
    return ExportedSession(
        **{name: getattr(session, name) for name in ExportedSession.__struct_fields__ if name != "messages"},
        messages=tuple(_exported_message(message.public()) for message in messages),
    )


def read(body: bytes) -> tuple[ExportedSession, ...]:
    """What a JSON export holds, checked. Raises RequestError that names what is wrong where."""
    try:
        head = msgspec.json.decode(body, type=_Head)
    except _UNREADABLE as error:
        raise _wrong(f"This is no JSON export of sessions: {error}.") from None
    if head.hostler != "sessions":
        raise _wrong('This is no export of sessions: it does not say "hostler": "sessions".')
    if head.version != VERSION:
        raise _wrong(f"This export has version {head.version}; this hostler reads version {VERSION}.")
    try:
        export = msgspec.json.decode(body, type=Export)
    except _UNREADABLE as error:
        raise _wrong(f"The export cannot be read: {error}.") from None
    if len(export.sessions) > MAX_SESSIONS:
        raise _wrong(f"The export holds {len(export.sessions)} sessions; at most {MAX_SESSIONS} are taken at once.")
    return tuple(checked(session, f"sessions[{n}]") for n, session in enumerate(export.sessions))


def checked(session: ExportedSession, place: str) -> ExportedSession:
    """The session with its messages parents first and its leaf at a leaf. Raises RequestError that names the place."""
    _check_lengths(session, place)
    known = {message.id for message in session.messages}
    for n, message in enumerate(session.messages):
        if message.parent is not None and message.parent not in known:
            raise _wrong(f"{place}.messages[{n}]: there is no message {message.parent!r} that it could follow.")
        if not 0 <= message.created <= _LATEST_MS:
            raise _wrong(f"{place}.messages[{n}].created: {message.created} is no time in unix milliseconds.")
    orders = _orders(session.messages)
    try:
        tree = Tree(Node(message.id, message.parent, orders[n]) for n, message in enumerate(session.messages))
    except ValueError as error:
        raise _wrong(f"{place}: {error}.") from None
    if session.leaf is not None and session.leaf not in tree:
        raise _wrong(f"{place}.leaf: there is no message {session.leaf!r}.")
    by_id = {
        message.id: msgspec.structs.replace(message, order=orders[n]) for n, message in enumerate(session.messages)
    }
    ordered = tuple(by_id[id] for id in tree.below(None))
    return msgspec.structs.replace(session, messages=ordered, leaf=tree.leaf(session.leaf))


def _check_lengths(session: ExportedSession, place: str) -> None:
    if len(session.messages) > MAX_MESSAGES:
        raise _wrong(f"{place}: {len(session.messages)} messages; at most {MAX_MESSAGES} are taken.")
    bounds = (("title", LONGEST), ("folder", LONGEST_FOLDER), ("system", LONGEST_SYSTEM), ("model", 1000))
    for name, most in bounds:
        length = len(getattr(session, name))
        if length > most:
            raise _wrong(f"{place}.{name}: {length} characters; at most {most} are kept.")
    for name in ("created", "updated"):
        if not 0 <= getattr(session, name) <= _LATEST_MS:
            raise _wrong(f"{place}.{name}: {getattr(session, name)} is no time in unix milliseconds.")


def _orders(messages: tuple[ExportedMessage, ...]) -> list[int]:
    """Each message's order: as given where that is clear, otherwise by `order` and place in the file."""
    families: dict[str | None, list[int]] = {}
    for n, message in enumerate(messages):
        families.setdefault(message.parent, []).append(n)
    orders = [message.order for message in messages]
    for family in families.values():
        given = {orders[n] for n in family}
        if len(given) < len(family) or min(given) < 0 or max(given) > _LATEST_MS:
            for rank, n in enumerate(sorted(family, key=lambda n: (messages[n].order, n))):
                orders[n] = rank
    return orders


def _exported_message(message: Message) -> ExportedMessage:
    return ExportedMessage(**{name: getattr(message, name) for name in ExportedMessage.__struct_fields__})


def _wrong(text: str) -> RequestError:
    return RequestError(text, hint="Nothing was imported.")
