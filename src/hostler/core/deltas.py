"""The pieces of a streamed reply, and their fold into a whole one.

Knows: what a stream can say, in which order parts grow. Does not know: bytes, frames, wires.

Order rules: consecutive text (or reasoning) deltas grow one part until another kind, `PartEnded` or
`ReasoningSealed` comes; tool calls are kept apart by `slot`, and may interleave.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hostler.core.messages import Citation, Origin, Part, Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import FinishReason, Reply
from hostler.core.usage import Usage
from hostler.errors import HostlerError


@dataclass(slots=True, frozen=True)
class Started:
    """The reply began; `id` and `model` as the upstream names them (may be empty)."""

    id: str
    model: str


@dataclass(slots=True, frozen=True)
class TextDelta:
    """More visible text."""

    text: str


@dataclass(slots=True, frozen=True)
class Cited:
    """The text that grows refers to a source; where none grows, the last one does."""

    citation: Citation


@dataclass(slots=True, frozen=True)
class RefusalDelta:
    """More of a refusal."""

    text: str


@dataclass(slots=True, frozen=True)
class ReasoningDelta:
    """More hidden thinking."""

    text: str


@dataclass(slots=True, frozen=True)
class ReasoningSealed:
    """The current reasoning part is whole; `opaque` is its raw block. Without text before, it is a part of its own."""

    opaque: bytes
    redacted: bool = False


@dataclass(slots=True, frozen=True)
class PartEnded:
    """The current text or reasoning part is whole; more of the same kind begins a new one.

    `opaque` is the raw block of a text part, or, without text before it, of a block that only its wire understands.
    """

    opaque: bytes | None = None


@dataclass(slots=True, frozen=True)
class ToolCallStarted:
    """A tool call began. `slot` numbers the reply's calls from 0 in order of appearance."""

    slot: int
    id: str
    name: str
    custom: bool = False


@dataclass(slots=True, frozen=True)
class ToolCallDelta:
    """More of a call's arguments, as JSON text (plain text for a custom tool)."""

    slot: int
    text: str


@dataclass(slots=True, frozen=True)
class ToolCallEnded:
    """A call's arguments are whole; `opaque` is the raw block that its own wire wants to see again with it."""

    slot: int
    opaque: bytes | None = None


@dataclass(slots=True, frozen=True)
class UsageDelta:
    """Usage so far; merged by replacement."""

    usage: Usage


@dataclass(slots=True, frozen=True)
class Finished:
    """The model stopped, and why; `raw` is the upstream's own word, `detail` a refusal's category in its words.

    Usage may still follow.
    """

    reason: FinishReason
    raw: str = ""
    stop_sequence: str | None = None
    detail: str = ""


@dataclass(slots=True, frozen=True)
class Failed:
    """The stream broke or carried an error; nothing follows."""

    error: HostlerError


Delta = (
    Started
    | TextDelta
    | Cited
    | RefusalDelta
    | ReasoningDelta
    | ReasoningSealed
    | PartEnded
    | ToolCallStarted
    | ToolCallDelta
    | ToolCallEnded
    | UsageDelta
    | Finished
    | Failed
)


@dataclass(slots=True)
class _OpenCall:
    position: int
    started: ToolCallStarted
    fragments: list[str]
    opaque: bytes | None = None


class ReplyBuilder:
    """Folds deltas into a `Reply`. `error` holds what a `Failed` delta carried."""

    def __init__(self, origin: Origin | None = None) -> None:
        self._origin = origin
        self._parts: list[Part | None] = []
        self._calls: dict[int, _OpenCall] = {}
        self._kind: type[Text] | type[Refusal] | type[Reasoning] | None = None
        self._fragments: list[str] = []
        self._citations: list[Citation] = []
        self._started = Started("", "")
        self._finished = Finished("unknown")
        self._usage = Usage()
        self.error: HostlerError | None = None

    def add(self, delta: Delta) -> None:
        """Take one delta."""
        match delta:
            case TextDelta(text):
                self._grow(Text, text)
            case ReasoningDelta(text):
                self._grow(Reasoning, text)
            case RefusalDelta(text):
                self._grow(Refusal, text)
            case ToolCallDelta(slot, text):
                self._calls[slot].fragments.append(text)
            case ToolCallStarted():
                self._open_call(delta)
            case ToolCallEnded(slot, opaque):
                self._calls[slot].opaque = opaque or self._calls[slot].opaque
            case PartEnded(None):
                self._close()
            case PartEnded(opaque):
                self._keep(opaque)
            case ReasoningSealed(opaque, redacted):
                self._seal(opaque, redacted)
            case _:
                self._note(delta)

    def _note(self, delta: Started | Cited | UsageDelta | Finished | Failed) -> None:
        match delta:
            case Cited(citation):
                self._cite(citation)
            case Started():
                self._started = delta
            case UsageDelta(usage):
                self._usage = self._usage.replaced_by(usage)
            case Finished():
                self._finished = delta
            case Failed(error):
                self.error = error

    def reply(self) -> Reply:
        """The reply as far as it came."""
        self._close()
        parts = list(self._parts)
        for open_call in self._calls.values():
            parts[open_call.position] = self._call(open_call)
        began, ended = self._started, self._finished
        return Reply(
            id=began.id,
            model=began.model,
            parts=tuple(p for p in parts if p is not None),
            finish=ended.reason,
            raw_finish=ended.raw,
            stop_sequence=ended.stop_sequence,
            finish_detail=ended.detail,
            usage=self._usage,
        )

    def _call(self, call: _OpenCall) -> ToolCall:
        return ToolCall(
            id=call.started.id,
            name=call.started.name,
            arguments="".join(call.fragments),
            custom=call.started.custom,
            origin=self._origin,
            opaque=call.opaque,
        )

    def _grow(self, kind: type[Text] | type[Refusal] | type[Reasoning], text: str) -> None:
        if kind is not self._kind:
            self._close()
            self._kind = kind
        self._fragments.append(text)

    def _cite(self, citation: Citation) -> None:
        if self._kind is Text:
            self._citations.append(citation)
            return
        for position in reversed(range(len(self._parts))):
            part = self._parts[position]
            if isinstance(part, Text) and part.text:
                self._parts[position] = replace(part, citations=(*part.citations, citation))
                return
        self._close()
        self._parts.append(Text(text="", citations=(citation,), origin=self._origin))

    def _close(self) -> None:
        if self._kind is Text:
            self._keep(None)
        elif self._kind is not None:
            self._parts.append(self._kind(text="".join(self._fragments), origin=self._origin))
            self._kind = None
            self._fragments = []

    def _seal(self, opaque: bytes, redacted: bool) -> None:
        text = "".join(self._fragments) if self._kind is Reasoning else ""
        if self._kind is Reasoning:
            self._kind, self._fragments = None, []
        else:
            self._close()
        self._parts.append(Reasoning(text=text, redacted=redacted, origin=self._origin, opaque=opaque))

    def _keep(self, opaque: bytes | None) -> None:
        text, citations = "", tuple[Citation, ...]()
        if self._kind is Text:
            text, citations = "".join(self._fragments), tuple(self._citations)
            self._kind, self._fragments, self._citations = None, [], []
        else:
            self._close()
        self._parts.append(Text(text=text, citations=citations, origin=self._origin, opaque=opaque))

    def _open_call(self, started: ToolCallStarted) -> None:
        self._close()
        self._calls[started.slot] = _OpenCall(len(self._parts), started, [])
        self._parts.append(None)


def fold(deltas: Iterable[Delta], origin: Origin | None = None) -> Reply:
    """The whole reply that a stream amounts to; raises the error that it carried."""
    builder = ReplyBuilder(origin)
    for delta in deltas:
        builder.add(delta)
    if builder.error is not None:
        raise builder.error
    return builder.reply()


def unfold(reply: Reply) -> list[Delta]:
    """The shortest stream that folds into `reply`: what a translated non-stream reply becomes for a stream client."""
    deltas: list[Delta] = [Started(reply.id, reply.model)]
    slot = 0
    for part in reply.parts:
        match part:
            case Text(text=text, opaque=opaque):
                if text or opaque is None:
                    deltas.append(TextDelta(text))
                deltas += [*map(Cited, part.citations), PartEnded(opaque)]
            case Refusal(text=text):
                deltas += [RefusalDelta(text), PartEnded()]
            case Reasoning(text=text, opaque=opaque, redacted=redacted):
                if text:
                    deltas.append(ReasoningDelta(text))
                deltas.append(PartEnded() if opaque is None else ReasoningSealed(opaque, redacted))
            case ToolCall():
                deltas += [ToolCallStarted(slot, part.id, part.name, part.custom), ToolCallDelta(slot, part.arguments)]
                deltas.append(ToolCallEnded(slot, part.opaque))
                slot += 1
            case _:
                pass  # results and media do not occur in a reply of these wires
    deltas += [
        Finished(reply.finish, reply.raw_finish, reply.stop_sequence, reply.finish_detail),
        UsageDelta(reply.usage),
    ]
    return deltas
