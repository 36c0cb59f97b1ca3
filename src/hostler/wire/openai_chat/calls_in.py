"""Tool calls of a stream, told apart however a server numbers them. Knows fragments; knows no frames.

Seen: whole calls in one chunk, every index 0, no index, no id, names that are repeated, arguments as an object.
"""

from dataclasses import dataclass, field

import msgspec

from hostler.core.deltas import Delta, ToolCallDelta, ToolCallEnded, ToolCallStarted
from hostler.wire.fields import Members, as_count, as_members, as_text
from hostler.wire.ids import made_call_id
from hostler.wire.openai_chat.messages_in import arguments_text, extra_of


@dataclass(slots=True)
class _Call:
    slot: int
    id: str
    id_given: bool
    name: str = ""
    custom: bool = False
    started: bool = False
    opaque: bytes | None = None
    fragments: list[str] = field(default_factory=list[str])

    def whole(self) -> bool:
        """Whether the arguments so far are a whole JSON object."""
        text = "".join(self.fragments).strip()
        if not (text.startswith("{") and text.endswith("}")):
            return False
        try:
            msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return False
        return True


@dataclass(slots=True, frozen=True)
class _Fragment:
    index: int | None
    id: str
    name: str
    text: str
    custom: bool
    opaque: bytes | None = None


class Calls:
    """The calls of one reply; `reply` is its id, out of which missing call ids are made."""

    def __init__(self) -> None:
        self.reply = ""
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def take(self, items: list[object], out: list[Delta]) -> None:
        """Add the deltas that one chunk's `tool_calls` amount to."""
        for item in items:
            fragment = _read(as_members(item))
            call = self._call_of(fragment)
            call.name = call.name or fragment.name
            call.custom = call.custom or fragment.custom
            call.opaque = fragment.opaque or call.opaque
            if fragment.text:
                call.fragments.append(fragment.text)
            if call.started:
                if fragment.text:
                    out.append(ToolCallDelta(call.slot, fragment.text))
            elif call.name:
                _start(call, out)

    def end(self, out: list[Delta]) -> None:
        """Add what ends all calls; one that never got a name begins here, so that it is seen to be wrong."""
        for call in self._calls:
            if not call.started:
                _start(call, out)
            out.append(ToolCallEnded(call.slot, call.opaque))

    def _call_of(self, fragment: _Fragment) -> _Call:
        if fragment.index is not None:
            call = self._by_index.get(fragment.index)
        elif fragment.id:
            call = self._by_id.get(fragment.id)
        else:
            call = self._calls[-1] if self._calls else None
        if call is None:
            return self._open(fragment)
        if fragment.id:
            if not call.started and not call.id_given:
                call.id, call.id_given = fragment.id, True
            elif call.id_given and fragment.id != call.id and (fragment.name or not fragment.text):
                return self._by_id.get(fragment.id) or self._open(fragment)
        elif fragment.name and self._begins_anew(call, fragment):
            return self._open(fragment)
        return call

    def _begins_anew(self, call: _Call, fragment: _Fragment) -> bool:
        """Whether a fragment with a name but no id belongs to a call of its own."""
        if fragment.index is None and call.name and fragment.name != call.name:
            return True
        return bool(fragment.text) and call.whole()

    def _open(self, fragment: _Fragment) -> _Call:
        slot = len(self._calls)
        call = _Call(slot, fragment.id or made_call_id(self.reply, slot), bool(fragment.id))
        self._calls.append(call)
        self._by_id[call.id] = call
        if fragment.index is not None:
            self._by_index[fragment.index] = call
        return call


def _start(call: _Call, out: list[Delta]) -> None:
    call.started = True
    out.append(ToolCallStarted(call.slot, call.id, call.name, call.custom))
    text = "".join(call.fragments)
    if text:
        out.append(ToolCallDelta(call.slot, text))


def _read(item: Members) -> _Fragment:
    index, id_ = as_count(item.get("index")), as_text(item.get("id"))
    custom = as_members(item.get("custom"))
    if custom:
        return _Fragment(index, id_, as_text(custom.get("name")), as_text(custom.get("input")), True)
    function = as_members(item.get("function"))
    arguments = arguments_text(function.get("arguments"))
    return _Fragment(index, id_, as_text(function.get("name")), arguments, False, extra_of(item))
