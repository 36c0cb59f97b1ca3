"""What is asked of the kept sessions: new ones, changes, turns, a reply's end. Knows shapes only."""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from hostler.client.sessions.records import (
    NO_PARAMS,
    CostState,
    ErrorRecord,
    Message,
    Params,
    Part,
    Parts,
    Session,
    SessionSummary,
    State,
    UsageRecord,
)

PAGE: Final = 50
MAX_PAGE: Final = 500


class SessionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions a list shows.

    `before`: (updated, id) of the last one shown; `folder` None: any; `text`: in titles.
    """

    limit: int = PAGE
    before: tuple[int, str] | None = None
    folder: str | None = None
    text: str = ""


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the list: pinned first, then the newest. `more`: there are others after these."""

    sessions: tuple[SessionSummary, ...]
    more: bool


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session to begin."""

    title: str = ""
    model: str = ""
    system: str = ""
    params: Params = NO_PARAMS
    folder: str = ""


class SessionChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a session; UNSET stays as it is.

    `leaf` may be any message: the path goes on from it to where the person was last. `prior` can only be set to
    False: the person goes on with this session.
    """

    title: str | UnsetType = UNSET
    folder: str | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    model: str | UnsetType = UNSET
    system: str | UnsetType = UNSET
    params: Params | UnsetType = UNSET
    leaf: str | UnsetType = UNSET
    prior: bool | UnsetType = UNSET


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A session with its messages that are not deleted, parents before children."""

    session: Session
    messages: tuple[Message, ...]


class NewTurn(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says after `parent` (None: at the beginning), and the models that begin to answer at once."""

    parent: str | None
    parts: Parts
    models: tuple[str, ...] = ()
    params: Params = NO_PARAMS


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A turn as it was stored: the person's message and the replies, still empty and streaming."""

    user: Message
    replies: tuple[Message, ...] = ()


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A message in other words: a new sibling; a person's may be answered at once by `models`."""

    parts: Parts
    models: tuple[str, ...] = ()
    params: Params = NO_PARAMS


class Edited(msgspec.Struct, frozen=True, kw_only=True):
    """The new sibling, and the replies that begin under it."""

    message: Message
    replies: tuple[Message, ...] = ()


class Piece(msgspec.Struct, frozen=True):
    """What one part of a running reply has grown by. `record`: the part without its text, where that is new."""

    part: int
    text: str
    record: Part | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a reply ended, and what it had become. Durations in ms."""

    state: State
    parts: Parts
    usage: UsageRecord | None = None
    cost: float | None = None
    cost_state: CostState = "unknown"
    ttft_ms: int | None = None
    duration_ms: int | None = None
    finish: str = ""
    error: ErrorRecord | None = None
