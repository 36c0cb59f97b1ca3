"""The one policy by which a broken history is repaired before it is translated for a model.

Knows: which messages follow which, and that each call has one result. Does not know: wires, why a history is broken.

Clients lose things: an aborted stream leaves a call without its result, a cut-off history begins with a result whose
call is gone, an editor leaves empty texts. Vendors answer each of these with a 400 of their own. The policy:

1. Texts that are empty, and messages that hold nothing, are left out.
2. What one role says in several messages in a row is one message (text stays in parts of its own).
3. Each call is answered once, directly behind the message that made it: a result that came later moves up, a call
   without one is told to have been interrupted, a result without a call (or a second one) is left out.

System messages keep their places: each wire knows what it can do with those that do not lead. Results stand in messages
of the role `tool` afterwards, wherever they came from. Nothing is ever made up but the interruption.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hostler.core.messages import Message, Part, Text, ToolCall, ToolResult

INTERRUPTED: Final = "The call was interrupted; it has no result."
_MERGED: Final = ("user", "assistant")


@dataclass(frozen=True, slots=True)
class Repaired:
    """The history as it can be sent, and each repair in words; none for one that was good."""

    messages: tuple[Message, ...]
    repairs: tuple[str, ...]


def repair(messages: Sequence[Message]) -> Repaired:
    """Apply the policy above."""
    repairs: list[str] = []
    whole = _merge(_without_empty(messages, repairs), repairs)
    return Repaired(tuple(_pair(whole, repairs)), tuple(repairs))


def _without_empty(messages: Sequence[Message], repairs: list[str]) -> list[Message]:
    kept: list[Message] = []
    for place, message in enumerate(messages):
        if message.parts and not any(map(_is_empty, message.parts)):
            kept.append(message)
            continue
        parts = tuple(part for part in message.parts if not _is_empty(part))
        repairs.append(f"messages[{place}]: empty text was left out")
        if parts:
            kept.append(Message(message.role, parts, message.name))
    return kept


def _is_empty(part: Part) -> bool:
    return isinstance(part, Text) and not part.text and part.opaque is None


def _merge(messages: Sequence[Message], repairs: list[str]) -> list[Message]:
    merged: list[Message] = []
    for message in messages:
        last = merged[-1] if merged else None
        if last is not None and last.role == message.role and message.role in _MERGED and last.name == message.name:
            merged[-1] = Message(last.role, last.parts + message.parts, last.name)
            repairs.append(f"two messages of the {message.role} in a row were merged")
        else:
            merged.append(message)
    return merged


def _pair(messages: Sequence[Message], repairs: list[str]) -> Iterable[Message]:
    """Each message with its calls answered behind it; results that nobody asked for are left out."""
    results = _Results(messages)
    for place, message in enumerate(messages):
        kinds = set(map(type, message.parts))
        if ToolResult not in kinds:
            yield message
        else:
            lost = results.unused(place)
            repairs += [f"a result of call '{call_id}' without its call was left out" for call_id in lost]
            others = tuple(part for part in message.parts if not isinstance(part, ToolResult))
            if others:
                yield Message(message.role, others, message.name)
        if ToolCall in kinds and message.role == "assistant":
            calls = [part for part in message.parts if isinstance(part, ToolCall)]
            yield Message("tool", tuple(_answer(call, results, place=place, repairs=repairs) for call in calls))


def _answer(call: ToolCall, results: "_Results", *, place: int, repairs: list[str]) -> ToolResult:
    """The first result of the call behind it, or word that there is none."""
    found = results.take(call.id, place)
    if found is None:
        repairs.append(f"call '{call.id}' had no result and is told to have been interrupted")
        return ToolResult(call_id=call.id, content=(Text(text=INTERRUPTED),), is_error=True, name=call.name)
    result, moved = found
    if moved:
        repairs.append(f"the result of call '{call.id}' was moved to where the call stands")
    return result


class _Results:
    """The results of a history, each of which is taken once."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._waiting: dict[str, deque[tuple[int, ToolResult]]] = {}
        for place, message in enumerate(messages):
            for part in message.parts:
                if isinstance(part, ToolResult):
                    self._waiting.setdefault(part.call_id, deque()).append((place, part))

    def take(self, call_id: str, place: int) -> tuple[ToolResult, bool] | None:  # signature: what finds it
        """The first result behind a message, and whether more than results stands between the two."""
        waiting = self._waiting.get(call_id)
        if not waiting:
            return None
        found, result = waiting.popleft()
        between = (part for message in self._messages[place + 1 : found] for part in message.parts)
        return result, not all(isinstance(part, ToolResult) for part in between)

    def unused(self, place: int) -> list[str]:
        """The calls whose results in this message nobody has taken; nobody will now."""
        lost: list[str] = []
        for part in self._messages[place].parts:
            waiting = self._waiting.get(part.call_id) if isinstance(part, ToolResult) else None
            if waiting and waiting[0][0] == place:
                waiting.popleft()
                lost.append(part.call_id)  # type: ignore[union-attr]
        return lost
