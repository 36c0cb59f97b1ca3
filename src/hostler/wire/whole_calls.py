"""Calls of a streamed reply, for wires on which each is whole in one piece. Knows their order; knows no wire's JSON."""

from dataclasses import replace

from hostler.core.deltas import ToolCallDelta, ToolCallEnded, ToolCallStarted
from hostler.core.messages import ToolCall
from hostler.wire.ids import made_call_id


class WholeCalls:
    """Holds each call back until it ended, and those before it. `reply` is our id of the reply."""

    def __init__(self, reply: str) -> None:
        self._reply = reply
        self._calls: dict[int, ToolCall] = {}
        self._fragments: dict[int, list[str]] = {}
        self._ended: set[int] = set()

    def take(self, delta: ToolCallStarted | ToolCallDelta | ToolCallEnded) -> list[ToolCall]:
        """The calls that are whole now, by slot; a delta of a call that was never started is none's."""
        slot = delta.slot
        if isinstance(delta, ToolCallStarted):
            id_ = delta.id or made_call_id(self._reply, slot)
            self._calls[slot] = ToolCall(id=id_, name=delta.name, custom=delta.custom)
            self._fragments[slot] = []
        elif slot in self._calls and isinstance(delta, ToolCallDelta):
            self._fragments[slot].append(delta.text)
        elif slot in self._calls and isinstance(delta, ToolCallEnded):
            self._calls[slot] = replace(self._calls[slot], opaque=delta.opaque)
            self._ended.add(slot)
            return self._whole()
        return []

    def rest(self) -> list[ToolCall]:
        """At the end of the reply: those that never ended, with what there is of them, and those behind."""
        self._ended.update(self._calls)
        return self._whole()

    def _whole(self) -> list[ToolCall]:
        calls: list[ToolCall] = []
        for slot in sorted(self._calls):
            if slot not in self._ended:
                break
            calls.append(replace(self._calls.pop(slot), arguments="".join(self._fragments.pop(slot))))
        return calls
