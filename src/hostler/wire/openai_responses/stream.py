"""The stream of the Responses wire, both ways. Knows its events, their order and numbers; does not know who reads them.

An item is closed before the next one opens. A reply is read by what its whole items say: deltas only come earlier.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct

from hostler.core import deltas
from hostler.core.deltas import Delta, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, ToolCallEnded
from hostler.core.messages import Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import Asked, Reply
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.wire.blocks import Block, BlockWriter
from hostler.wire.codec import Encoded
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.event_streams import EventStreamDecoder
from hostler.wire.fields import Members, as_text
from hostler.wire.free_text import unwrapped
from hostler.wire.ids import made_call_id
from hostler.wire.losses import CALL, CONTENT, REASONING, lost_of_end
from hostler.wire.openai_errors import error_event, error_told, write_error
from hostler.wire.openai_responses.response import ResponseObject, Whole, raise_failed, read_finish
from hostler.wire.quoting import one_line, quoted
from hostler.wire.responses_items import CALLS, Json, item_in, part_of, said, write_citations
from hostler.wire.responses_tools import spelled
from hostler.wire.responses_usage import read_usage
from hostler.wire.sse import SseEvent

_TEXT_DELTA: Final = "response.output_text.delta"
_REASONING_DELTAS: Final = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")
_CALL_DELTAS: Final = ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta")
_ENDS: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_GROWTH: Final = {
    "text": ("output_text", "text", "content_index"),
    "refusal": ("refusal", "refusal", "content_index"),
    "reasoning": ("reasoning_summary_text", "text", "summary_index"),
    "function_call": ("function_call_arguments", "arguments", ""),
    "custom_tool_call": ("custom_tool_call_input", "input", ""),
}
"""The events by which an item grows, the field that holds the whole, and which number tells its parts apart."""
_NUMBER: Final = re.compile(rb'"sequence_number": ?(\d{1,9})\b')
"""Within a text its quotes would be escaped."""
_PREFIXES: Final = {
    "text": "msg", "refusal": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc",
}  # fmt: skip


class _Event(Struct, gc=False):
    type: str = ""
    delta: object = None
    output_index: int | None = None
    summary_index: int | None = None
    item: Raw = Raw()
    response: Raw = Raw()


class _Item(Struct, gc=False):
    """An output item while it grows."""

    slot: int = -1
    grown: bool = False  # something of it came in pieces
    source: str = ""  # which of the two kinds of thinking is read
    seen: int = 0  # the last part of its summary


_decode = msgspec.json.Decoder(_Event).decode
_decode_whole = msgspec.json.Decoder(Whole).decode
_decode_item = msgspec.json.Decoder(Json).decode


class StreamDecoder(EventStreamDecoder):
    """Bytes in, deltas out, for one reply. After a failure or its terminal event it stays silent."""

    def __init__(self, dialect: Dialect = PLAIN) -> None:
        del dialect  # it takes what every known server writes
        super().__init__()
        self._items: dict[int, _Item] = {}
        self._ended: set[object] = set()  # what tells whole items: their ids, and place and kind where those change
        self._slots, self._reply = 0, ""
        self._started = self._refused = False

    def take(self, events: list[SseEvent], out: list[Delta]) -> None:
        items = self._items
        for event in events:
            try:
                read = _decode(event.data)
                if read.type == _TEXT_DELTA and read.delta and isinstance(read.delta, str):
                    item = items.get(read.output_index or 0)
                    if item is None:
                        item = items[read.output_index or 0] = _Item()
                    item.grown = True
                    out.append(TextDelta(read.delta))
                else:
                    self._take_other(read, event, out=out)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                self._on_unreadable(event, error, out=out)
            if self.over:
                return

    def _on_unreadable(self, event: SseEvent, error: Exception, *, out: list[Delta]) -> None:
        word = event.data.strip()
        if word == b"[DONE]":
            self._end(Whole(), event.data, out=out)
        elif event.event == "error":
            raise error_told({"message": event.data.decode("utf-8", "replace")}, event.data)
        elif word:
            raise UpstreamGarbled(f"An event of the upstream's stream cannot be read: {error}")

    def _take_other(self, read: _Event, event: SseEvent, *, out: list[Delta]) -> None:
        kind, index = read.type or event.event, read.output_index or 0
        if kind == "response.output_item.done":
            self._end_item(index, bytes(read.item), out=out)
        elif kind == "response.output_item.added":
            self._begin_item(index, _decode_item(read.item), out=out)
        elif kind in _CALL_DELTAS or kind in _REASONING_DELTAS or kind == "response.refusal.delta":
            if as_text(read.delta):
                self._grow(self._items.setdefault(index, _Item()), kind, read=read, out=out)
        elif kind in ("response.created", "response.in_progress", "response.queued"):
            self._start(_decode_whole(read.response), out)
        elif kind in _ENDS:
            self._end(_decode_whole(read.response), bytes(event.data), out=out)
        elif kind == "error" or (not read.type and b'"error"' in event.data):
            raise error_told(_decode_item(event.data), event.data)

    def _start(self, whole: Whole, out: list[Delta]) -> None:
        if not self._started:
            self._started, self._reply = True, whole.id or ""
            out.append(deltas.Started(self._reply, whole.model or ""))

    def _begin_item(self, index: int, item: Members, *, out: list[Delta]) -> None:
        self._items[index] = _Item()
        if item.get("type") in CALLS and item.get("name"):
            self._items[index].slot = self._start_call(item, out)

    def _start_call(self, item: Members, out: list[Delta]) -> int:
        slot = self._slots
        self._slots += 1
        call = said({**item, "arguments": "", "input": ""}, b"", call_id=made_call_id(self._reply, slot))[0]
        if isinstance(call, ToolCall):
            out.append(deltas.ToolCallStarted(slot, call.id, call.name, call.custom))
        return slot

    def _grow(self, item: _Item, kind: str, *, read: _Event, out: list[Delta]) -> None:
        text = as_text(read.delta)
        if kind in _CALL_DELTAS:
            if item.slot >= 0:  # else its name is still to come, and the arguments once more
                item.grown = True
                out.append(ToolCallDelta(item.slot, text))
            return
        if kind == "response.refusal.delta":
            self._refused = True
            out.append(RefusalDelta(text))
        elif kind == (item.source or kind):
            if (read.summary_index or 0) > item.seen and item.grown:
                text = f"\n\n{text}"
            item.source, item.seen = kind, read.summary_index or 0
            out.append(ReasoningDelta(text))
        item.grown = True

    def _end_item(self, index: int, raw: bytes, *, out: list[Delta]) -> None:
        members = _decode_item(raw)
        item = self._items.pop(index, None) or _Item()
        self._ended |= _marks(members, index)
        for part in said(members, raw):
            match part:
                case Reasoning(text=text, opaque=opaque):
                    out += [ReasoningDelta(text)] if text and not item.grown else []
                    out.append(deltas.PartEnded() if opaque is None else deltas.ReasoningSealed(opaque))
                case Text(text=text, opaque=opaque):
                    out += [TextDelta(text)] if text and not item.grown else []
                    out += [*map(deltas.Cited, part.citations), deltas.PartEnded(opaque)]
                case Refusal(text=text):
                    self._refused = True
                    out += [deltas.PartEnded()] if item.grown else [RefusalDelta(text), deltas.PartEnded()]
                case ToolCall(arguments=arguments, opaque=opaque):
                    slot = item.slot if item.slot >= 0 else self._start_call(members, out)
                    out += [ToolCallDelta(slot, arguments)] if arguments and not item.grown else []
                    out.append(ToolCallEnded(slot, opaque))
                case _:
                    pass  # an item of the model's says nothing else

    def _end(self, whole: Whole, body: bytes, *, out: list[Delta]) -> None:
        self._start(whole, out)
        raise_failed(whole, body)
        for index, raw in enumerate(whole.output or ()):  # what some servers tell only here
            item = _decode_item(raw)
            if not _marks(item, index) & self._ended:
                self._end_item(index, bytes(raw), out=out)
        out += [ToolCallEnded(item.slot) for item in self._items.values() if item.slot >= 0]
        out += [deltas.UsageDelta(read_usage(whole.usage))] if whole.usage else []
        out.append(deltas.Finished(*read_finish(whole, calls=self._slots > 0, refused=self._refused)))
        self.over = True


class StreamEncoder(BlockWriter):
    """Deltas in, bytes out, for one reply. `dropped` names what this wire cannot express; `output` holds its items."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.dropped: set[str] = set()
        self.output: list[Raw] = []
        self._asked = asked
        self._custom = {t.name for t in asked.request.tools if t.custom} if asked.request is not None else set[str]()
        self._response = ResponseObject(asked)
        self._number, self._begun = _next_number(asked.passed), False

    def finish(self) -> bytes:
        """The events that end a good reply. A reply whose upstream failed midway ends with an error instead."""
        if self.finished.reason == "error":
            return self.fail(UpstreamBroken("The upstream failed while it was answering."))
        out: list[bytes] = []
        self._begin(out)
        self.end_blocks(out)
        status, whole = self.whole()
        self._event(f"response.{status}", {"response": whole}, out=out)
        return b"".join(out)

    def whole(self) -> tuple[str, Raw]:
        """The `response` object of the whole reply, and its status."""
        self.dropped |= lost_of_end(self.finished)
        silent = self.finished.reason == "refusal" and not any(b'"refusal"' in bytes(item) for item in self.output)
        return self._response.finished(
            "content_filter" if silent else self.finished.reason, self.output, usage=self.usage
        )

    def fail(self, error: HostlerError) -> bytes:
        """An error event and a failed response, since some clients look for the one and some for the other."""
        out: list[bytes] = []
        self._event("error", error_event(error), out=out)
        failed = self._response.write("failed", self.output, more={"error": write_error(error)})
        self._event("response.failed", {"response": failed}, out=out)
        return b"".join(out)

    def open_block(self, block: Block, out: list[bytes]) -> None:
        self._begin(out)
        if block.opaque is not None and block.call is None and not block.waiting:
            return  # it is whole already, and written when it is closed
        block.tag = block.kind
        if block.call is not None:
            custom = block.call.custom or block.call.name in self._custom
            block.tag = "custom_tool_call" if custom else "function_call"
        self._tell_added(block, out)
        if block.tag != "custom_tool_call" or (block.call is not None and block.call.custom):
            self._let_grow(block)  # else its text stands in JSON, and can be taken out only when that is whole

    def write_piece(self, block: Block, text: str, *, out: list[bytes]) -> None:
        out.append(b'%b%b,"sequence_number":%d}\n\n' % (block.prefix, quoted(text), self._number))
        self._number += 1

    def close_block(self, block: Block, out: list[bytes]) -> None:
        ours = item_in(block)
        if block.opaque is not None and not ours:
            self.dropped.add({"reasoning": REASONING, "call": CALL}.get(block.kind, CONTENT))
        if not block.tag:
            if ours and block.opaque is not None:
                whole = msgspec.json.format(block.opaque, indent=-1)  # one line: an event's data ends with its line
                self._event("response.output_item.added", {"output_index": block.index, "item": Raw(whole)}, out=out)
                self._end_item(block, whole, out=out)
            else:
                self.opened -= 1  # nothing of it is written
            return
        last = unwrapped("".join(block.waiting)) if block.waiting else ""
        last = "{}" if block.tag == "function_call" and not any(piece.strip() for piece in block.text) else last
        if last:
            self._let_grow(block)
            self.write_piece(block, last, out=out)
            block.text.append(last)
        self._tell_grown(block, out)
        item = {**ours, "id": self._id(block)} if ours else self._item(block, "completed")
        self._end_item(block, msgspec.json.encode(item), out=out)

    def _begin(self, out: list[bytes]) -> None:
        if not self._begun:
            self._begun = True
            for status in ("created", "in_progress"):
                self._event(f"response.{status}", {"response": self._response.write("in_progress")}, out=out)

    def _tell_added(self, block: Block, out: list[bytes]) -> None:
        added: Json = {"output_index": block.index, "item": self._item(block, "in_progress")}
        self._event("response.output_item.added", added, out=out)
        self._part(block, "added", out=out)

    def _tell_grown(self, block: Block, out: list[bytes]) -> None:
        for number, note in enumerate(write_citations(block)):
            told: Json = {**self._growing_place(block), "annotation_index": number, "annotation": note}
            self._event("response.output_text.annotation.added", told, out=out)
        name, field, _ = _GROWTH[block.tag]
        done = {**self._growing_place(block), **_logprobs(block), **self._named(block), field: "".join(block.text)}
        self._event(f"response.{name}.done", done, out=out)
        self._part(block, "done", out=out)

    def _event(self, kind: str, members: Json, *, out: list[bytes]) -> None:
        data = msgspec.json.encode({"type": kind, **members, "sequence_number": self._number})
        self._number += 1
        out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), one_line(data)))

    def _id(self, block: Block) -> str:
        return f"{_PREFIXES[block.tag]}_{self._asked.id}_{block.index}"

    def _growing_place(self, block: Block) -> Json:
        number = _GROWTH[block.tag][2]
        return {"output_index": block.index, "item_id": self._id(block), **({number: 0} if number else {})}

    def _named(self, block: Block) -> Json:
        """A function's name, which the event that ends its arguments tells once more; one of a custom tool does not."""
        if block.call is None or block.tag != "function_call":
            return {}
        return {"name": spelled(block.call.name, self._asked.request)["name"]}

    def _let_grow(self, block: Block) -> None:
        kind = f"response.{_GROWTH[block.tag][0]}.delta"
        head = msgspec.json.encode({"type": kind, **self._growing_place(block), **_logprobs(block)})[:-1]
        block.prefix = b'event: %b\ndata: %b,"delta":' % (kind.encode(), head)

    def _part(self, block: Block, state: str, *, out: list[bytes]) -> None:
        if block.call is None:
            kind = "reasoning_summary_part" if block.tag == "reasoning" else "content_part"
            self._event(f"response.{kind}.{state}", {**self._growing_place(block), "part": part_of(block)}, out=out)

    def _item(self, block: Block, status: str) -> Json:
        parts = [part_of(block)] if status == "completed" else []
        if block.tag == "reasoning":
            return {"id": self._id(block), "type": "reasoning", "summary": parts}
        if block.call is None:
            message: Json = {"type": "message", "status": status, "role": "assistant", "content": parts}
            return {"id": self._id(block), **message}
        state = {"status": status} if block.tag == "function_call" else {}
        call_id = block.call.id or f"call_{self._asked.id}_{block.call.slot}"
        names = spelled(block.call.name, self._asked.request)
        text = {_GROWTH[block.tag][1]: "".join(block.text)}
        return {"id": self._id(block), "type": block.tag, **state, "call_id": call_id, **names, **text}

    def _end_item(self, block: Block, item: bytes, *, out: list[bytes]) -> None:
        self.output.append(Raw(item))
        self._event("response.output_item.done", {"output_index": block.index, "item": Raw(item)}, out=out)


def _marks(item: Members, index: int) -> set[object]:
    """By what an item is known again at the end: several servers give one item another id in each event."""
    return {each for key in ("id", "call_id") if (each := item.get(key))} | {(index, item.get("type"))}


def _next_number(passed: bytes) -> int:
    """The number of the event that follows those which passed through."""
    numbers = _NUMBER.findall(passed)
    return int(numbers[-1]) + 1 if numbers else 0


def _logprobs(block: Block) -> Json:
    return {"logprobs": []} if block.tag == "text" else {}


class _WholeEncoder(StreamEncoder):
    """The same items without the events by which they would grow."""

    def write_piece(self, block: Block, text: str, *, out: list[bytes]) -> None:
        pass

    def _begin(self, out: list[bytes]) -> None:
        pass

    def _let_grow(self, block: Block) -> None:
        block.prefix = b" "

    def _tell_added(self, block: Block, out: list[bytes]) -> None:
        pass

    def _tell_grown(self, block: Block, out: list[bytes]) -> None:
        pass

    def _event(self, kind: str, members: Json, *, out: list[bytes]) -> None:
        pass


def encode_response(reply: Reply, asked: Asked) -> Encoded:
    """The reply as this wire's clients expect it. Raises UpstreamBroken for one that failed midway."""
    if reply.finish == "error":
        raise UpstreamBroken("The upstream failed while it was answering.")
    encoder = _WholeEncoder(asked)
    encoder.encode(deltas.unfold(reply))
    encoder.end_blocks([])
    return Encoded(bytes(encoder.whole()[1]), tuple(sorted(encoder.dropped)))
