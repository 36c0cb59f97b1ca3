"""Sessions and messages as JSON, the same names for database, API, events and browser.

Knows: the records' shapes. Does not know: tables, HTTP, how a reply is made. All times are unix milliseconds,
durations milliseconds.
"""

from typing import Final, Literal

import msgspec

from hostler.client.sessions.parts import Part, Parts, public
from hostler.core.pricing import CostState

Role = Literal["user", "assistant", "system"]
State = Literal["complete", "streaming", "failed", "cancelled", "interrupted"]
ForkMode = Literal["path", "branches", "tail"]


class Params(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may be said to a model beside the messages; None is unset and left out of the JSON."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    effort: str | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None

    def over(self, other: "Params") -> "Params":
        """These, and where they are unset, the other's."""
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(other, **given)


NO_PARAMS: Final = Params()


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one reply in five disjoint counts, as core's `Usage` has them; None: the upstream did not say."""

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None


UsageRecord = Usage


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Why a reply failed, in words for people."""

    code: str
    message: str
    hint: str = ""


class ForkedFrom(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session was forked off."""

    session: str
    message: str


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A session as lists show it.

    `messages` counts those that are not deleted; `prior`: not touched since this server started, so it is shown as
    read-only until the person goes on with it.
    """

    id: str
    title: str
    created: int
    updated: int
    pinned: bool
    folder: str
    model: str
    leaf: str | None
    messages: int
    running: bool
    prior: bool


class Session(SessionSummary, frozen=True, kw_only=True):
    """A session with what is said to the model in it."""

    system: str
    params: Params
    forked_from: ForkedFrom | None

    def summary(self) -> SessionSummary:
        """Only what lists show."""
        return SessionSummary(**{name: getattr(self, name) for name in SessionSummary.__struct_fields__})


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one role said at one point of a session's tree; `order` counts among siblings, from 0, with holes.

    `finish` is core's finish reason ("" unknown); `model` is "" for a person's message.
    """

    id: str
    session: str
    parent: str | None
    role: Role
    state: State = "complete"
    parts: Parts = ()
    model: str = ""
    created: int
    order: int = 0
    usage: UsageRecord | None = None
    cost: float | None = None
    cost_state: CostState = "unknown"
    ttft_ms: int | None = None
    duration_ms: int | None = None
    finish: str = ""
    error: ErrorRecord | None = None
    edited: bool = False
    params: Params = NO_PARAMS

    def public(self) -> "Message":
        """As a browser may see it."""
        return msgspec.structs.replace(self, parts=public(self.parts))


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder and how many sessions lie in it."""

    name: str
    sessions: int


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a search found something; `message` None: in the title.

    `snippet` has \\u0002 and \\u0003 around what matched.
    """

    session: str
    title: str
    message: str | None
    role: str
    snippet: str
    created: int


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A text that a person keeps for use again."""

    id: str
    name: str
    text: str
    created: int
    updated: int


__all__ = [
    "NO_PARAMS",
    "CostState",
    "ErrorRecord",
    "Folder",
    "ForkMode",
    "ForkedFrom",
    "Hit",
    "Message",
    "Params",
    "Part",
    "Parts",
    "Prompt",
    "Role",
    "Session",
    "SessionSummary",
    "State",
    "UsageRecord",
]
