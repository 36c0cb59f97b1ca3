"""A running reply's parts: what deltas have made of them so far, and what of it nobody was told yet.

Knows: how deltas grow parts, UTF-16 positions, usage, when thinking began and ended. Does not know: timers, the store,
events. Taking a token appends it to a list; text is joined when somebody looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
from msgspec import UNSET

from hostler.client.sessions.parts import (
    OriginRecord,
    Part,
    Parts,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from hostler.client.sessions.records import UsageRecord
from hostler.client.sessions.requests import Piece
from hostler.core.deltas import (
    Delta,
    Failed,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
)
from hostler.core.usage import UNKNOWN, Usage
from hostler.system.clock import Clock

Kind = Literal["text", "reasoning", "refusal", "tool_call", "whole"]
Told = Literal["text", "reasoning"]
_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class News:
    """Text that a part has grown by since the last look; `at` counts the UTF-16 code units of the part before it."""

    part: int
    type: Told
    at: int
    text: str


@dataclass(slots=True, eq=False)
class _Growing:
    """One part: `record` holds all but the text that grows, `fragments` the text that nobody was told yet."""

    index: int
    kind: Kind
    record: Part
    began: float
    pieces: list[str] = field(default_factory=list[str])
    fragments: list[str] = field(default_factory=list[str])
    told: int = 0
    unkept: list[str] = field(default_factory=list[str])
    """Text that was told, or needs no telling, and is not kept yet."""
    ahead: int = 0
    """Characters of the fragments that are kept already."""
    kept: Part | None = None
    """The record as it was kept last."""

    def take(self) -> str:
        """The fragments, which count as told from now on."""
        text = "".join(self.fragments)
        self.fragments.clear()
        self.pieces.append(text)
        self.unkept.append(text[self.ahead :])
        self.ahead = 0
        return text

    def keep(self) -> Piece | None:
        """What has come since the last time; None: nothing."""
        if self.fragments and self.kind in ("tool_call", "refusal"):
            self.take()  # these are not told by their fragments
        elif self.fragments:
            text = "".join(self.fragments)
            self.fragments = [text]
            self.unkept.append(text[self.ahead :])
            self.ahead = len(text)
        text = "".join(self.unkept)
        self.unkept.clear()
        fresh = self.record is not self.kept
        self.kept = self.record
        if fresh:
            return Piece(self.index, text, self._without_text())
        return Piece(self.index, text) if text else None

    def _without_text(self) -> Part:
        match self.record:
            case TextPart() | ReasoningPart() | RefusalPart() if self.kind != "whole":
                return msgspec.structs.replace(self.record, text="")
            case ToolCallPart() if self.kind == "tool_call":
                return msgspec.structs.replace(self.record, arguments="")
            case _:
                return self.record

    def part(self) -> Part:
        """As it stands."""
        text = "".join((*self.pieces, *self.fragments))
        if not self.fragments:
            self.pieces = [text]
        match self.record:
            case TextPart() | ReasoningPart() | RefusalPart():
                return msgspec.structs.replace(self.record, text=text)
            case ToolCallPart() if self.kind == "tool_call":
                return msgspec.structs.replace(self.record, arguments=text)
            case _:
                return self.record


class ReplyParts:
    """The parts of one reply; `before` are those that an earlier run left, whose last text this one goes on with.

    `origin` is who makes them. Tool calls and refusals are told as a whole (`changed`), the rest as `News`.
    """

    def __init__(self, origin: OriginRecord, clock: Clock, *, before: Parts = ()) -> None:
        self._origin = origin
        self._clock = clock
        self._parts = [_left_over(index, part) for index, part in enumerate(before)]
        self._resumed = next((g for g in reversed(self._parts) if g.kind == "text"), None)
        self._open: _Growing | None = None
        self._calls: dict[int, _Growing] = {}
        self._grown: list[_Growing] = []
        self.changed = False
        """Whether something happened that news cannot tell: a call, a refusal, the end of some thinking."""
        self.unsaved = False
        self.first_at: float | None = None
        """When the first content came, on the clock's steady seconds."""
        self.usage: Usage = UNKNOWN
        self.finish = ""

    def add(self, delta: Delta) -> None:
        """Take one delta. Raises the error that a `Failed` carries."""
        kind = type(delta)
        if kind is TextDelta or kind is ReasoningDelta or kind is RefusalDelta:
            self._grow(delta)  # pyright: ignore[reportArgumentType]  # the three kinds just named; a match costs twice
            return
        match delta:
            case ToolCallStarted():
                self._begin_call(delta)
            case ToolCallDelta(slot, text):
                self._calls[slot].fragments.append(text)
                self.unsaved = True
            case ToolCallEnded():
                self.changed = self.unsaved = True
            case PartEnded(opaque):
                self._end_part(opaque)
            case ReasoningSealed():
                self._seal(delta)
            case _:
                self._note(delta)

    def _note(self, delta: Delta) -> None:
        match delta:
            case UsageDelta(usage):
                self.usage = self.usage.replaced_by(usage)
            case Finished(reason):
                self.finish = reason
            case Failed(error):
                raise error
            case Started() | _:
                pass

    def parts(self) -> Parts:
        """All of them as they stand."""
        return tuple(growing.part() for growing in self._parts)

    def take_news(self) -> list[News]:
        """What has come since the last look, in the order of parts."""
        news: list[News] = []
        self._grown.sort(key=_index)
        for growing in self._grown:
            text = growing.take()
            news.append(News(growing.index, "reasoning" if growing.kind == "reasoning" else "text", growing.told, text))
            growing.told += utf16_units(text)
        self._grown.clear()
        return news

    def take_unkept(self) -> list[Piece]:
        """What has come since this was asked last, in the order of parts; at first, all that an earlier run left."""
        return [piece for growing in self._parts if (piece := growing.keep())]

    def close(self) -> None:
        """The reply is over: what was being thought is thought."""
        self._close()

    # ------------------------------------------------------------------ growing

    def _grow(self, delta: TextDelta | ReasoningDelta | RefusalDelta) -> None:
        text, kind = delta.text, _KINDS[type(delta)]
        growing = self._open
        if growing is not None and growing.fragments and growing.kind == kind:
            growing.fragments.append(text)  # the usual token
            self.unsaved = True
        elif text:
            self._grow_anew(kind, text)

    def _grow_anew(self, kind: Kind, text: str) -> None:
        """The first text of a part, or the first since somebody looked."""
        growing = self._open
        if growing is None or growing.kind != kind:
            growing = self._begin(kind)
        if kind != "refusal" and not growing.fragments:
            self._grown.append(growing)
        growing.fragments.append(text)
        self.unsaved = True

    def _begin(self, kind: Kind) -> _Growing:
        self._close()
        now = self._first()
        if kind == "text" and self._resumed is not None:
            growing, self._resumed = self._resumed, None
            # what a wire once sealed is no more what it was, now that it grows
            growing.record = TextPart(origin=self._origin)
        else:
            growing = self._add(kind, _empty(kind, self._origin), now)
        self._open = growing
        self.changed = self.changed or kind == "refusal"
        return growing

    def _close(self) -> None:
        growing, self._open = self._open, None
        if growing is not None and isinstance(growing.record, ReasoningPart):
            took = round((self._clock.monotonic() - growing.began) * _MS)
            growing.record = msgspec.structs.replace(growing.record, duration_ms=took)
            self.changed = self.unsaved = True
        elif growing is not None and growing.kind == "refusal":
            self.changed = True

    def _add(self, kind: Kind, record: Part, began: float) -> _Growing:  # signature: the fields of one record
        growing = _Growing(len(self._parts), kind, record, began)
        self._parts.append(growing)
        return growing

    def _first(self) -> float:
        now = self._clock.monotonic()
        if self.first_at is None:
            self.first_at = now
        return now

    # ------------------------------------------------------------------ what is no text

    def _begin_call(self, started: ToolCallStarted) -> None:
        self._close()
        record = ToolCallPart(
            id=started.id, name=started.name, custom=True if started.custom else UNSET, origin=self._origin
        )
        self._calls[started.slot] = self._add("tool_call", record, self._first())
        self.changed = self.unsaved = True

    def _end_part(self, opaque: bytes | None) -> None:
        growing = self._open
        self._close()
        if opaque is None:
            return
        if growing is None or growing.kind != "text":
            growing = self._add("text", TextPart(origin=self._origin), self._first())
        growing.record = msgspec.structs.replace(growing.record, opaque=opaque)
        self.changed = self.unsaved = True

    def _seal(self, sealed: ReasoningSealed) -> None:
        growing = self._open
        if growing is None or growing.kind != "reasoning":
            self._close()
            now = self._first()
            growing = self._open = self._add("reasoning", _empty("reasoning", self._origin), now)
        self._close()
        growing.record = msgspec.structs.replace(growing.record, opaque=sealed.opaque, redacted=sealed.redacted)
        self.changed = self.unsaved = True


_KINDS: Final[Mapping[type, Kind]] = {TextDelta: "text", ReasoningDelta: "reasoning", RefusalDelta: "refusal"}


def _empty(kind: Kind, origin: OriginRecord) -> Part:
    match kind:
        case "reasoning":
            return ReasoningPart(origin=origin)
        case "refusal":
            return RefusalPart(origin=origin)
        case _:
            return TextPart(origin=origin)


def _left_over(index: int, part: Part) -> _Growing:
    """A part of an earlier run."""
    match part:
        case TextPart(text=text):
            return _Growing(index, "text", part, 0.0, pieces=[text], told=utf16_units(text), unkept=[text])
        case ReasoningPart(text=text) | RefusalPart(text=text):
            return _Growing(index, "whole", part, 0.0, pieces=[text])
        case _:
            return _Growing(index, "whole", part, 0.0)


def _index(growing: _Growing) -> int:
    return growing.index


def utf16_units(text: str) -> int:
    """The length that a browser's string of this text has."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) >> 1


def total(usages: Sequence[Usage | UsageRecord]) -> UsageRecord:
    """Counts of several requests together; a count that one of them does not tell is taken from the others."""

    def add(name: str) -> int | None:
        counts = [count for usage in usages if (count := getattr(usage, name)) is not None]
        return sum(counts) if counts else None

    return UsageRecord(
        input=add("input"),
        cache_read=add("cache_read"),
        cache_write=add("cache_write"),
        output=add("output"),
        reasoning=add("reasoning"),
    )
