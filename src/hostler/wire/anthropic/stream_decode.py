"""The stream of this wire into deltas. Knows its named events and their order; does not know what is done with them.

Blocks that interleave are put in order: what comes for a text or thinking block while another one is open waits until
that one ends. Unknown events, deltas and blocks are passed over; an unknown block is kept raw where it is whole.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from hostler.core.deltas import (
    Cited,
    Delta,
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
from hostler.errors import UpstreamBroken, UpstreamGarbled
from hostler.wire.anthropic.content_decode import cited_in
from hostler.wire.anthropic.refusals import refused_in_band
from hostler.wire.anthropic.vocabulary import (
    UNSIGNED_SIGNATURE,
    ErrorBody,
    StopDetails,
    WireUsage,
    finish_to_core,
    usage_to_core,
)
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.event_streams import EventStreamDecoder
from hostler.wire.sse import SseEvent

_NULL: Final = msgspec.Raw(b"null")


class _Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: WireUsage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: msgspec.Raw = _NULL
    message: _Message | None = None
    usage: WireUsage | None = None
    error: ErrorBody | None = None


class _Kind(msgspec.Struct):
    type: str = ""


class _RawDelta(msgspec.Struct):
    delta: dict[str, object]


class _Start(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = _NULL


class _Block:
    """One content block while it grows."""

    __slots__ = ("citations", "deltas", "fragments", "fresh", "grown", "raw", "signature", "slot", "start", "whole")

    def __init__(self, start: _Start, raw: bytes) -> None:
        self.start = start
        self.raw = raw
        self.fragments: list[str] = []
        self.fresh: list[Delta] = []  # deltas that wait for their turn
        self.citations: list[object] = []
        self.deltas: list[dict[str, object]] = []  # what an unknown block grew by
        self.signature = start.signature
        self.slot = -1
        self.grown = False  # a tool call's arguments came in pieces
        self.whole = False


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_kind = msgspec.json.Decoder(_Kind).decode
_EVENTS: Final = frozenset(
    ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta")
)


class StreamDecoder(EventStreamDecoder):
    """Bytes in, deltas out, for one reply."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[int, _Block] = {}
        self._current: _Block | None = None  # the text, thinking or unknown block whose deltas go out at once
        self._waiting: list[_Block] = []
        self._said: list[str] = []  # the last block of text
        self._slots = 0
        self._usage = WireUsage()
        self._finished = False
        self._handlers: dict[str, Callable[[_Event, bytes, list[Delta]], None]] = {
            "message_start": self._on_message_start,
            "content_block_start": self._on_start,
            "content_block_delta": self._on_delta,
            "content_block_stop": self._on_stop,
            "message_delta": self._on_message_delta,
            "message_stop": self._on_message_stop,
            "error": self._on_error,
        }

    def end_early(self, out: list[Delta]) -> None:
        """A reply is whole once its stop reason came; blocks that are open then are."""
        self._end_blocks(out)
        if self._finished:
            self.over = True
        else:
            super().end_early(out)

    def take(self, events: list[SseEvent], out: list[Delta]) -> None:
        blocks = self._blocks
        for event in events:
            try:
                read = _decode_event(event.data)
                if read.type == "content_block_delta" and (delta := read.delta) is not None and delta.text:
                    block = blocks.get(read.index)
                    known = delta.type == "text_delta" and block is self._current
                    if known and block is not None and block.start.type == "text":
                        block.fragments.append(delta.text)
                        out.append(TextDelta(delta.text))
                        continue
                handler = self._handlers.get(read.type or event.event or ("error" if read.error is not None else ""))
                if handler is not None:
                    handler(read, event.data, out)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                _judge_unreadable(event, error)
            if self.over:
                return

    def _on_message_start(self, event: _Event, data: bytes, out: list[Delta]) -> None:
        message = event.message or _Message()
        out.append(Started(message.id, message.model))
        self._note_usage(message.usage, out)

    def _on_start(self, event: _Event, data: bytes, out: list[Delta]) -> None:
        raw = bytes(event.content_block)
        msgspec.json.decode(raw)  # all of it: it is read again at its end, and bytes that are no text show only then
        try:
            start = msgspec.json.decode(raw, type=_Start)
        except msgspec.DecodeError:  # an unknown block may use our field names for other types
            start = _Start(type=_decode_kind(raw).type)
        if event.index in self._blocks:
            self._stop_block(event.index, out)
        block = self._open(event.index, start, raw=raw)
        if start.type == "tool_use":
            out.append(ToolCallStarted(block.slot, start.id, start.name))
        elif start.text and start.type == "text":
            self._grow(block, TextDelta(start.text), text=start.text, out=out)
        elif start.thinking and start.type == "thinking":
            self._grow(block, ReasoningDelta(start.thinking), text=start.thinking, out=out)

    def _open(self, index: int, start: _Start, *, raw: bytes) -> _Block:
        block = _Block(start, raw)
        self._blocks[index] = block
        if start.type == "tool_use":
            block.slot = self._slots
            self._slots += 1
        elif self._current is None:
            self._current = block
        else:
            self._waiting.append(block)
        return block

    def _on_delta(self, event: _Event, data: bytes, out: list[Delta]) -> None:
        delta = event.delta
        block = self._blocks.get(event.index)
        if delta is None:
            return
        if block is None:  # some servers leave out the start
            kind = {"text_delta": "text", "thinking_delta": "thinking"}.get(delta.type)
            if kind is None:
                return
            block = self._open(event.index, _Start(type=kind), raw=b"")
        match block.start.type:
            case "text":
                self._grow_text(block, delta, data=data, out=out)
            case "thinking":
                self._grow_thinking(block, delta, out=out)
            case "tool_use":
                if delta.partial_json:
                    block.grown = True
                    out.append(ToolCallDelta(block.slot, delta.partial_json))
            case "redacted_thinking":
                pass
            case _:
                block.deltas.append(msgspec.json.decode(data, type=_RawDelta).delta)

    def _grow_text(self, block: _Block, delta: _Delta, *, data: bytes, out: list[Delta]) -> None:
        if delta.type == "text_delta":
            self._grow(block, TextDelta(delta.text or ""), text=delta.text, out=out)
        elif delta.type == "citations_delta":
            citation = msgspec.json.decode(data, type=_RawDelta).delta.get("citation")
            if citation is not None:
                block.citations.append(citation)
                (out if block is self._current else block.fresh).extend(map(Cited, cited_in([citation])))

    def _grow_thinking(self, block: _Block, delta: _Delta, *, out: list[Delta]) -> None:
        if delta.type == "thinking_delta":
            self._grow(block, ReasoningDelta(delta.thinking or ""), text=delta.thinking, out=out)
        elif delta.type == "signature_delta":
            block.signature = delta.signature or ""

    def _grow(self, block: _Block, delta: Delta, *, text: str | None, out: list[Delta]) -> None:
        if not text:
            return
        block.fragments.append(text)
        (out if block is self._current else block.fresh).append(delta)

    def _on_stop(self, event: _Event, data: bytes, out: list[Delta]) -> None:
        self._stop_block(event.index, out)

    def _stop_block(self, index: int, out: list[Delta]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        if block.slot >= 0:
            given = bytes(block.start.input)
            if not block.grown and given not in (b"null", b"{}"):
                out.append(ToolCallDelta(block.slot, given.decode()))
            out.append(ToolCallEnded(block.slot))
            return
        block.whole = True
        if block.start.type == "text":
            self._said = block.fragments
        (out if block is self._current else block.fresh).append(_ending(block))
        while self._current is not None and self._current.whole:
            self._current = self._waiting.pop(0) if self._waiting else None
            if self._current is not None:
                out += self._current.fresh

    def _end_blocks(self, out: list[Delta]) -> None:
        for index in list(self._blocks):
            self._stop_block(index, out)

    def _on_message_delta(self, event: _Event, data: bytes, out: list[Delta]) -> None:
        delta = event.delta
        if delta is not None and delta.stop_reason and not self._finished:
            self._end_blocks(out)
            self._finished = True
            reason, details = finish_to_core(delta.stop_reason), delta.stop_details or StopDetails()
            told = "".join(self._said).endswith(details.explanation or "")
            if details.explanation and reason == "refusal" and not told:
                out += [RefusalDelta(details.explanation), PartEnded()]
            out.append(Finished(reason, delta.stop_reason, delta.stop_sequence, details.category or ""))
        self._note_usage(event.usage, out)

    def _on_message_stop(self, event: _Event, data: bytes, out: list[Delta]) -> None:
        self._end_blocks(out)
        self.over = True
        if not self._finished:
            raise UpstreamBroken("The upstream's reply ended without a stop reason.")

    def _on_error(self, event: _Event, data: bytes, out: list[Delta]) -> None:
        raise refused_in_band(event.error or ErrorBody(), data)

    def _note_usage(self, usage: WireUsage | None, out: list[Delta]) -> None:
        if usage is not None:
            self._usage = _merged(self._usage, usage)
            out.append(UsageDelta(usage_to_core(self._usage)))


def _merged(old: WireUsage, new: WireUsage) -> WireUsage:
    """Merged by replacement, before thinking is taken off the output: the two may come at different times."""
    return WireUsage(
        old.input_tokens if new.input_tokens is None else new.input_tokens,
        old.cache_creation_input_tokens if new.cache_creation_input_tokens is None else new.cache_creation_input_tokens,
        old.cache_read_input_tokens if new.cache_read_input_tokens is None else new.cache_read_input_tokens,
        old.cache_creation if new.cache_creation is None else new.cache_creation,
        old.output_tokens if new.output_tokens is None else new.output_tokens,
        old.output_tokens_details if new.output_tokens_details is None else new.output_tokens_details,
    )


def _judge_unreadable(event: SseEvent, error: Exception) -> None:
    """Broken JSON, or a known field of another type: fatal only in events that we must understand."""
    try:
        kind = _decode_kind(event.data).type or event.event
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if event.event == "ping" or event.data == b"[DONE]":
            return
        kind = event.event or "message_delta"
    if kind == "error":
        raise refused_in_band(ErrorBody(message=event.data.decode("utf-8", "replace")), event.data)
    if kind in _EVENTS:
        raise UpstreamGarbled(f"An event of the upstream's stream cannot be read: {error}")


def _ending(block: _Block) -> Delta:
    """The delta that ends a text, thinking or unknown block, with its raw form where it must come back."""
    text = "".join(block.fragments)
    match block.start.type:
        case "text":
            if not block.citations:
                return PartEnded()
            return PartEnded(msgspec.json.encode({"type": "text", "text": text, "citations": block.citations}))
        case "thinking":
            if block.signature in ("", UNSIGNED_SIGNATURE):
                return PartEnded()
            raw = {"type": "thinking", "thinking": text, "signature": block.signature}
            return ReasoningSealed(msgspec.json.encode(raw))
        case "redacted_thinking":
            return ReasoningSealed(block.raw, redacted=True)
        case _:
            return PartEnded(_assembled(block))


def _assembled(block: _Block) -> bytes:
    """An unknown block as a whole: `partial_json` becomes its `input`, other fields of its deltas grow its own."""
    if not block.deltas:
        return block.raw
    fields: dict[str, object] = msgspec.json.decode(block.raw, type=dict[str, object])
    partial = "".join(str(delta["partial_json"]) for delta in block.deltas if "partial_json" in delta)
    if partial:
        try:
            fields["input"] = msgspec.json.decode(partial)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            fields["input"] = {}
    for delta in block.deltas:
        for key, value in delta.items():
            if key in ("type", "partial_json") or value is None:
                continue
            known = fields.get(key)
            fields[key] = known + value if isinstance(known, str) and isinstance(value, str) else value
    return msgspec.json.encode(fields)


def stream_decoder(dialect: Dialect = PLAIN) -> StreamDecoder:
    """A decoder for one reply."""
    del dialect  # nobody departs from this wire in replies
    return StreamDecoder()
