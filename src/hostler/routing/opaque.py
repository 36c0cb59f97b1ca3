"""Opaque state for clients that cannot carry it: kept here by reply, given back to its own origin only.

Knows: invariant 5 of the design, and its bound. Does not know: wires, sockets, what is in an opaque block.

A chat client sends its tool results back without the signed thinking that led to the calls, and a signing vendor then
answers 400. So a reply that holds such state is kept when it passes, under (key, origin, anchor), and stands in the
history again when that is sent. The anchor is what every client brings back: what the reply said and called, behind
what stood before it ("Done." is said more than once, and some servers count their calls' ids anew in each
conversation); else, where that was edited, the id of its first tool call; else what it said and called alone, for
clients whose wire has no ids.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeGuard, assert_never

from hostler.core.messages import Message, Origin, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, visible_text
from hostler.wire.free_text import unwrapped

MOST_ENTRIES = 10_000
MOST_BYTES = 32 << 20

Place = tuple[str, Origin, str]
"""Key id, who made it, anchor."""


@dataclass(frozen=True, slots=True)
class KeptPart:
    """A part of a reply in one flat form, which processes can send each other.

    `text` is a call's arguments too; an `item` is one of a wire's own, all in `opaque`.
    """

    kind: Literal["text", "refusal", "reasoning", "call", "item"]
    text: str
    opaque: bytes | None = None
    redacted: bool = False
    id: str = ""
    name: str = ""
    custom: bool = False


KeptReply = tuple[KeptPart, ...]


class OpaqueStore:
    """Bounded; what was used least recently goes first. `on_kept` hears of what is kept here, not of what is `put`."""

    def __init__(self, most_entries: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self.on_kept: Callable[[Place, KeptReply], None] | None = None
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._bytes = 0
        self._entries: OrderedDict[Place, KeptReply] = OrderedDict()

    def keep(
        self,
        key_id: str,
        origin: Origin,
        *,
        parts: Sequence[Part],
        behind: Sequence[Message] = (),
        readable: bool = False,
    ) -> None:
        """Remember a reply, if there is opaque state in it; `behind`: the history as the client sent it.

        `readable`: its maker wants readable thinking back too.
        """
        if not any(_is_opaque(part) or (readable and isinstance(part, Reasoning)) for part in parts):
            return
        kept = tuple(_flat(part) for part in parts if _is_of_reply(part))
        trail = _Trail()
        for message in behind:
            trail.add(message)
        for anchor in _anchors(parts, trail):
            self.share((key_id, origin, anchor), kept)

    def share(self, place: Place, reply: KeptReply) -> None:
        """Keep something, and let others hear of it."""
        self.put(place, reply)
        if self.on_kept is not None:
            self.on_kept(place, reply)

    def find(self, place: Place) -> KeptReply | None:
        """What is kept there, which counts as used now."""
        kept = self._entries.get(place)
        if kept is not None:
            self._entries.move_to_end(place)
        return kept

    def restore(self, key_id: str, origin: Origin, *, messages: Sequence[Message]) -> list[Message]:
        """A history with kept state back in its place, and foreign opaque state of the same wire left out."""
        trail, restored = _Trail(), list[Message]()
        for message in messages:
            own = message.role == "assistant"
            restored.append(self._restore_message(key_id, origin, message=message, behind=trail) if own else message)
            if self._entries:
                trail.add(message)
        return restored

    def _restore_message(self, key_id: str, origin: Origin, *, message: Message, behind: "_Trail") -> Message:
        message = _without_foreign(message, origin)
        if not self._entries or any(_is_carried(part, origin) for part in message.parts):
            return message
        found = [self.find((key_id, origin, anchor)) for anchor in _anchors(message.parts, behind)]  # all are in use
        kept = next((reply for reply in found if reply is not None), None)
        if kept is None:
            return message
        parts = _as_called(message.parts, tuple(_part(part, origin) for part in kept))
        return replace(message, parts=parts if _is_same(message.parts, parts) else _mixed(message.parts, parts))

    def entries(self) -> Iterator[tuple[Place, KeptReply]]:
        """All that is kept, what was used least recently first."""
        return iter(tuple(self._entries.items()))

    def put(self, place: Place, reply: KeptReply) -> None:
        """Keep what another process saw; what alone is more than all may be would only drive the rest out."""
        self._forget(place)
        if _size(place, reply) > self._most_bytes:
            return
        self._entries[place] = reply
        self._bytes += _size(place, reply)
        while self._entries and (len(self._entries) > self._most_entries or self._bytes > self._most_bytes):
            self._forget(next(iter(self._entries)))

    def _forget(self, place: Place) -> None:
        old = self._entries.pop(place, None)
        if old is not None:
            self._bytes -= _size(place, old)


class _Trail:
    """A digest of what was said so far, without what clients do not bring back as it was: ids, thinking, media.

    System text is no part of it, which some clients write anew for each request.
    """

    __slots__ = ("_digest",)

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, message: Message) -> None:
        """Go on behind a message."""
        if message.role not in ("system", "developer"):
            for said in _words(message.parts):
                self._digest.update(b"%d:%b" % (len(said), said))

    def behind(self, said: bytes) -> str:
        """The digest, with something said behind it."""
        digest = self._digest.copy()
        digest.update(said)
        return digest.hexdigest()


def _words(parts: Sequence[Part]) -> Iterator[bytes]:
    """What a message says, calls and brings."""
    for part in parts:
        match part:
            case Text() | Refusal():
                yield part.text.strip().encode("utf-8", "replace")
            case ToolCall():
                yield part.name.encode("utf-8", "replace")
            case ToolResult():
                yield from _words(part.content)
            case _:
                pass


def _anchors(parts: Sequence[Part], behind: _Trail) -> list[str]:
    """What finds a reply again in a client's history, the surest first; none for one that says and calls nothing."""
    calls = [part for part in parts if isinstance(part, ToolCall)]
    text = visible_text(tuple(parts)).strip()
    if not calls and not text:
        return []
    said = json.dumps([text, *(_said(call)[1:] for call in calls)], sort_keys=True).encode()
    ids = [call.id for call in calls[:1] if call.id]
    return ["here:" + behind.behind(said), *ids, "said:" + hashlib.sha256(said).hexdigest()]


def _as_called(given: Sequence[Part], kept: tuple[Part, ...]) -> tuple[Part, ...]:
    """The kept reply with the ids that this client, or its wire, gives to its calls: their results go by them."""
    ids = [part.id for part in given if isinstance(part, ToolCall)]
    calls = [part for part in kept if isinstance(part, ToolCall)]
    if ids == [call.id for call in calls] or len(ids) != len(calls):
        return kept
    names = iter(ids)
    return tuple(replace(part, id=next(names)) if isinstance(part, ToolCall) else part for part in kept)


def _is_same(given: Sequence[Part], kept: Sequence[Part]) -> bool:
    """Whether a client's message is the reply that was kept, as far as a client can carry one."""
    text = visible_text(tuple(given)).strip()
    if text and text != visible_text(tuple(kept)).strip():
        return False
    calls = [part for part in given if isinstance(part, ToolCall)]
    made = [part for part in kept if isinstance(part, ToolCall)]
    return len(calls) == len(made) and all(map(_is_same_call, calls, made))


def _is_same_call(given: ToolCall, kept: ToolCall) -> bool:
    """Whether a client sends a call back as it was made; one in free text may have been made as a function's."""
    if given.custom and not kept.custom:
        return (given.id, given.name, given.arguments) == (kept.id, kept.name, unwrapped(kept.arguments))
    return _said(given) == _said(kept)


def _said(call: ToolCall) -> tuple[str, str, object]:
    """A call without the way in which its arguments were written."""
    try:
        arguments: object = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = call.arguments
    return call.id, call.name, arguments


def _mixed(given: Sequence[Part], kept: Sequence[Part]) -> tuple[Part, ...]:
    """An edited message: each call that is still there gets what belongs to it, and the rest stays as it was sent."""
    led: dict[str, tuple[list[Part], ToolCall]] = {}
    before: list[Part] = []
    for part in kept:
        if isinstance(part, Reasoning) and part.opaque is not None:
            before.append(part)
        elif isinstance(part, ToolCall):
            led[part.id] = (before, part)
            before = []
    parts: list[Part] = []
    for part in given:
        if isinstance(part, ToolCall) and part.id in led:
            reasoning, call = led[part.id]
            parts += reasoning
            part = call if _is_same_call(part, call) else part
        parts.append(part)
    return tuple(parts)


def _flat(part: Text | Refusal | Reasoning | ToolCall) -> KeptPart:
    match part:
        case Text():
            return KeptPart("text", part.text, part.opaque)
        case Refusal():
            return KeptPart("refusal", part.text)
        case Reasoning():
            return KeptPart("reasoning", part.text, part.opaque, part.redacted)
        case ToolCall():
            return KeptPart("call", part.arguments, part.opaque, id=part.id, name=part.name, custom=part.custom)
        case _:
            assert_never(part)


def _part(kept: KeptPart, origin: Origin) -> Part:
    match kept.kind:
        case "text":
            return Text(text=kept.text, opaque=kept.opaque, origin=origin)
        case "refusal":
            return Refusal(text=kept.text, origin=origin)
        case "reasoning":
            return Reasoning(text=kept.text, opaque=kept.opaque, redacted=kept.redacted, origin=origin)
        case "item":
            raise AssertionError("items are of stored responses, and no reply holds one")
        case "call":
            return ToolCall(
                id=kept.id, name=kept.name, arguments=kept.text, custom=kept.custom, opaque=kept.opaque, origin=origin
            )


def _without_foreign(message: Message, origin: Origin) -> Message:
    """The message without the opaque state of parts that another provider or model is known to have made.

    A client's history names only the wire; that state goes where the client sends it.
    """
    if not any(_is_foreign(part, origin) for part in message.parts):
        return message
    parts = tuple(replace(part, opaque=None) if _is_foreign(part, origin) else part for part in message.parts)
    return replace(message, parts=parts)


def _is_foreign(part: Part, origin: Origin) -> TypeGuard[Text | Reasoning | ToolCall]:
    if not isinstance(part, Text | Reasoning | ToolCall) or part.opaque is None or part.origin is None:
        return False
    return bool(part.origin.provider) and part.origin != origin


def _is_opaque(part: Part) -> bool:
    return isinstance(part, Text | Reasoning | ToolCall) and part.opaque is not None


def _is_carried(part: Part, origin: Origin) -> bool:
    """Whether a client brings state along that this maker can read; a block of the client's own wire may be none."""
    if not isinstance(part, Text | Reasoning | ToolCall) or part.opaque is None:
        return False
    return part.origin is None or part.origin.wire == origin.wire


def _is_of_reply(part: Part) -> TypeGuard[Text | Refusal | Reasoning | ToolCall]:
    return isinstance(part, Text | Refusal | Reasoning | ToolCall)


def _size(place: Place, reply: KeptReply) -> int:
    return len(place[2]) + sum(len(part.opaque or b"") + len(part.text) for part in reply)
