"""Opaque reasoning for clients that cannot carry it: kept here by tool-call id, given back to its own origin only.

Knows: invariant 5 of the design, and its bound. Does not know: wires, sockets, what is in an opaque block.

A chat client sends its tool results back without the signed thinking that led to the calls, and a signing vendor then
answers 400. So the thinking is kept when it passes, under (key, origin, call id), and put back where it stood.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeGuard

from hostler.core.messages import Message, Origin, Part, Reasoning, Text, ToolCall
from hostler.core.requests import ChatRequest

MOST_ENTRIES = 10_000
MOST_BYTES = 32 << 20

Place = tuple[str, Origin, str]
"""Key id, who made it, tool-call id."""


class OpaqueStore:
    """Bounded; what was used least recently goes first. `on_kept` hears of what is kept here, not of what is `put`."""

    def __init__(self, most_entries: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self.on_kept: Callable[[Place, tuple[Reasoning, ...]], None] | None = None
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._bytes = 0
        self._entries: OrderedDict[Place, tuple[Reasoning, ...]] = OrderedDict()

    def keep(self, key_id: str, origin: Origin, *, parts: Sequence[Part]) -> None:
        """Remember each tool call's reasoning: what stands between it and the call before it."""
        reasoning: list[Reasoning] = []
        for part in parts:
            if isinstance(part, Reasoning) and part.opaque is not None:
                reasoning.append(replace(part, origin=origin))
            elif isinstance(part, ToolCall) and reasoning:
                place, kept = (key_id, origin, part.id), tuple(reasoning)
                self.put(place, kept)
                if self.on_kept is not None:
                    self.on_kept(place, kept)
                reasoning = []

    def restore(self, key_id: str, origin: Origin, *, request: ChatRequest) -> ChatRequest:
        """The request with kept reasoning back in its place, and foreign opaque state of the same wire left out."""
        messages = tuple(
            self._restore_message(key_id, origin, message=m) if m.role == "assistant" else m for m in request.messages
        )
        return replace(request, messages=messages)

    def _restore_message(self, key_id: str, origin: Origin, *, message: Message) -> Message:
        message = _without_foreign(message, origin)
        carried = any(isinstance(p, Reasoning) and p.opaque is not None for p in message.parts)
        if carried:
            return message
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolCall):
                place = (key_id, origin, part.id)
                kept = self._entries.get(place, ())
                if kept:
                    self._entries.move_to_end(place)
                parts.extend(kept)
            parts.append(part)
        return replace(message, parts=tuple(parts)) if len(parts) != len(message.parts) else message

    def entries(self) -> Iterator[tuple[Place, tuple[Reasoning, ...]]]:
        """All that is kept, what was used least recently first."""
        return iter(tuple(self._entries.items()))

    def put(self, place: Place, reasoning: tuple[Reasoning, ...]) -> None:
        """Keep what another process saw."""
        self._forget(place)
        self._entries[place] = reasoning
        self._bytes += _size(place, reasoning)
        while self._entries and (len(self._entries) > self._most_entries or self._bytes > self._most_bytes):
            self._forget(next(iter(self._entries)))

    def _forget(self, place: Place) -> None:
        old = self._entries.pop(place, None)
        if old is not None:
            self._bytes -= _size(place, old)


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


def _size(place: Place, reasoning: tuple[Reasoning, ...]) -> int:
    return len(place[2]) + sum(len(r.opaque or b"") + len(r.text) for r in reasoning)
