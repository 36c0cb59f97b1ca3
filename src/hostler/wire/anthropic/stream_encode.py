"""Deltas into the stream of this wire. Knows its events and that blocks never overlap; does not know who reads them.

Clients break when the deltas of two blocks interleave, so a block is closed before the next one opens, and what comes
for a later block meanwhile waits.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from hostler.core.deltas import (
    Cited,
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
from hostler.core.messages import Citation
from hostler.core.requests import Asked
from hostler.core.usage import Usage
from hostler.errors import HostlerError, UpstreamBroken
from hostler.wire.anthropic.content_encode import CUSTOM_INPUT, write_citation
from hostler.wire.anthropic.vocabulary import (
    UNSIGNED_SIGNATURE,
    error_object,
    finish_to_wire,
    made_call_id,
    stop_details,
    usage_to_wire,
)
from hostler.wire.dialects import Dialect
from hostler.wire.ids import ToolIds
from hostler.wire.losses import lost_of_delta
from hostler.wire.quoting import one_line, quoted

KEEPALIVE: Final = b'event: ping\ndata: {"type": "ping"}\n\n'

_END: Final = b"}}\n\n"
_MESSAGE_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_SERVER_BLOCKS: Final = ("server_tool_use", "mcp_tool_use", "container_upload", "compaction")
_Kind = Literal["text", "thinking", "tool", "raw"]
_DELTA_FIELDS: Final[dict[_Kind, str]] = {
    "text": '"text_delta","text":',
    "thinking": '"thinking_delta","thinking":',
    "tool": '"input_json_delta","partial_json":',
}

_encode_json = msgspec.json.Encoder().encode


class _Opaque(msgspec.Struct):
    """What we look at in an opaque block, to tell this wire's own from another's."""

    type: str = ""
    id: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class _Block:
    """One block of the reply; `fragments` wait for it to open."""

    __slots__ = ("citations", "custom", "fragments", "kind", "prefix", "signature", "start", "whole")

    def __init__(self, kind: _Kind, start: bytes, *, custom: bool = False) -> None:
        self.kind: _Kind = kind
        self.start = start
        self.custom = custom
        self.signature = UNSIGNED_SIGNATURE
        self.citations: list[Citation] = []
        self.fragments: list[str] = []
        self.prefix = b""
        self.whole = False


class StreamEncoder:
    """Deltas in, bytes out, for one reply. `dropped` names what this wire could not express."""

    def __init__(self, asked: Asked) -> None:
        self.dropped: set[str] = set()
        self._asked = asked
        self._ids = ToolIds(Dialect().tool_id_pattern)
        self._begun = False
        self._index = 0
        self._queue: deque[_Block] = deque()  # the first one is open
        self._growing: _Block | None = None  # the text or thinking block that deltas without a slot belong to
        self._calls: dict[int, _Block] = {}
        self._usage = Usage()
        self._finished = Finished("unknown")
        self._refusal: list[str] = []

    def encode(self, deltas: Iterable[Delta]) -> bytes:
        """The events that `deltas` amount to; may be empty."""
        out: list[bytes] = []
        for delta in deltas:
            if type(delta) is TextDelta:
                block = self._growing
                if block is not None and block.kind == "text" and block.prefix and delta.text:
                    out.append(block.prefix + quoted(delta.text) + _END)
                    continue
            self._take(delta, out)
        return b"".join(out)

    def finish(self) -> bytes:
        """The events that end a good reply. A reply whose upstream failed midway ends with an error instead."""
        if self._finished.reason == "error":
            return self.fail(UpstreamBroken("The upstream failed while it was answering."))
        out: list[bytes] = []
        self._begin(out)
        for block in self._queue:
            self._complete(block)
        self._advance(out)
        finished = self._finished
        reason = finish_to_wire(finished.reason, finished.raw, has_calls=bool(self._calls))
        delta: dict[str, object] = {
            "stop_reason": reason,
            "stop_sequence": finished.stop_sequence,
            **stop_details(reason, finished.detail, explanation="".join(self._refusal)),
        }
        usage = usage_to_wire(self._usage if self._usage.known else Usage(input=self._asked.prompt_tokens))
        out.append(_event("message_delta", {"type": "message_delta", "delta": delta, "usage": usage}))
        out.append(_MESSAGE_STOP)
        return b"".join(out)

    def fail(self, error: HostlerError) -> bytes:
        """An error event; the caller ends the body behind it."""
        return _event("error", {"type": "error", "error": error_object(error)})

    def _begin(self, out: list[bytes]) -> None:
        if self._begun:
            return
        self._begun = True
        usage = self._usage if self._usage.known else Usage(input=self._asked.prompt_tokens)
        message: dict[str, object] = {
            "id": f"msg_{self._asked.id}",
            "type": "message",
            "role": "assistant",
            "model": self._asked.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_to_wire(usage),
        }
        out.append(_event("message_start", {"type": "message_start", "message": message}))

    def _take(self, delta: Delta, out: list[bytes]) -> None:
        match delta:
            case TextDelta(text):
                self._grow("text", text, out=out)
            case RefusalDelta(text):
                self._refusal.append(text)
                self._grow("text", text, out=out)
            case ReasoningDelta(text):
                self._grow("thinking", text, out=out)
            case Cited(citation):
                self._grow_into("text", out).citations.append(citation)
            case ReasoningSealed(opaque):
                self._seal(opaque, out)
            case PartEnded(opaque):
                self._end_part(opaque, out)
            case ToolCallStarted():
                self._start_call(delta, out)
            case ToolCallDelta(slot, text):
                self._grow_call(slot, text, out=out)
            case ToolCallEnded(slot):
                self.dropped |= lost_of_delta(delta)
                self._complete(self._calls[slot])
                self._advance(out)
            case _:
                self._note(delta)

    def _note(self, delta: Started | UsageDelta | Finished | Failed) -> None:
        match delta:
            case UsageDelta(usage):
                self._usage = self._usage.replaced_by(usage)
            case Finished():
                self._finished = delta
            case Started() | Failed():
                pass  # our own id and model go out, and errors come by `fail`

    def _grow(self, kind: _Kind, text: str, *, out: list[bytes]) -> None:
        if text:
            self._write(self._grow_into(kind, out), text, out=out)

    def _grow_into(self, kind: _Kind, out: list[bytes]) -> _Block:
        block = self._growing
        if block is None or block.kind != kind:
            self._end_growing(out)
            start = b'{"type":"text","text":""}'
            if kind == "thinking":
                start = b'{"type":"thinking","thinking":"","signature":""}'
            block = _Block(kind, start)
            self._growing = block
            self._add(block, out)
        return block

    def _end_part(self, opaque: bytes | None, out: list[bytes]) -> None:
        grown = self._growing is not None
        self._end_growing(out)
        if opaque is None:
            return
        if not grown and _is_server_block(_read_opaque(opaque)):
            self._add_raw(opaque, out)
        else:
            self.dropped.add("message.content[].opaque")

    def _seal(self, raw: bytes, out: list[bytes]) -> None:
        opaque = _read_opaque(raw)
        if opaque.type == "thinking" and opaque.thinking is not None and opaque.signature:
            self._grow_into("thinking", out).signature = opaque.signature
        elif opaque.type == "redacted_thinking" and opaque.data is not None:
            self._end_growing(out)
            self._add_raw(raw, out)
        else:
            self.dropped.add("message.reasoning.opaque")
        self._end_growing(out)

    def _start_call(self, delta: ToolCallStarted, out: list[bytes]) -> None:
        self._end_growing(out)
        id_ = self._ids.to_wire(delta.id) if delta.id else made_call_id(self._asked, delta.slot)
        start = _encode_json({"type": "tool_use", "id": id_, "name": delta.name, "input": {}})
        block = _Block("tool", start, custom=delta.custom)
        self._calls[delta.slot] = block
        self._add(block, out)
        if block.custom:
            self._write(block, f'{{"{CUSTOM_INPUT}":"', out=out)

    def _grow_call(self, slot: int, text: str, *, out: list[bytes]) -> None:
        block = self._calls[slot]
        if block.custom:
            text = _encode_json(text)[1:-1].decode()
        if text:
            self._write(block, text, out=out)

    def _end_growing(self, out: list[bytes]) -> None:
        if self._growing is not None:
            self._growing.whole = True
            self._growing = None
            self._advance(out)

    def _complete(self, block: _Block) -> None:
        if block.custom and not block.whole:
            block.fragments.append('"}')
        block.whole = True

    def _add_raw(self, opaque: bytes, out: list[bytes]) -> None:
        block = _Block("raw", one_line(opaque))
        block.whole = True
        self._add(block, out)
        self._advance(out)

    def _add(self, block: _Block, out: list[bytes]) -> None:
        self._queue.append(block)
        if self._queue[0] is block:
            self._open(block, out)

    def _open(self, block: _Block, out: list[bytes]) -> None:
        self._begin(out)
        index = self._index
        self._index += 1
        out.append(
            b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
            % (index, block.start)
        )
        head = f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{index},"delta":{{"type":'
        block.prefix = (head + _DELTA_FIELDS.get(block.kind, "")).encode()
        self._write_waiting(block, out)

    def _write(self, block: _Block, text: str, *, out: list[bytes]) -> None:
        if block.prefix:
            out.append(block.prefix + quoted(text) + _END)
        else:
            block.fragments.append(text)

    def _write_waiting(self, block: _Block, out: list[bytes]) -> None:
        if block.fragments:
            self._write(block, "".join(block.fragments), out=out)
            block.fragments.clear()

    def _advance(self, out: list[bytes]) -> None:
        """Close the open block if it is whole, and open those that waited, as far as they are whole too."""
        while self._queue and self._queue[0].whole:
            block = self._queue.popleft()
            index = self._index - 1
            self._write_waiting(block, out)
            for delta in _last_deltas(block):
                event = {"type": "content_block_delta", "index": index, "delta": delta}
                out.append(_event("content_block_delta", event))
            out.append(b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % index)
            if self._queue:
                self._open(self._queue[0], out)


def _last_deltas(block: _Block) -> list[dict[str, object]]:
    """What comes when a block has all its text."""
    if block.kind == "thinking":
        return [{"type": "signature_delta", "signature": block.signature}]
    return [{"type": "citations_delta", "citation": write_citation(each)} for each in block.citations]


def _event(name: str, body: Mapping[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), one_line(_encode_json(body)))


def _read_opaque(opaque: bytes) -> _Opaque:
    try:
        return msgspec.json.decode(opaque, type=_Opaque)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Opaque()


def _is_server_block(opaque: _Opaque) -> bool:
    """Whether a block is one of this wire's own. Its compactions have no id, those of the Responses wire do."""
    known = opaque.type in _SERVER_BLOCKS or opaque.type.endswith("_tool_result")
    return known and not (opaque.type == "compaction" and opaque.id is not None)


def stream_encoder(asked: Asked) -> StreamEncoder:
    """An encoder for one reply."""
    return StreamEncoder(asked)
