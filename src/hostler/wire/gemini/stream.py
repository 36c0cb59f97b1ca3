"""Streams of this wire, both ways: server-sent events, or one JSON array. Knows framing; the frames are replies.

Facts: `streamGenerateContent` with and without `alt=sse`. There is no end mark; the last frame has a finish reason.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

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
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
)  # fmt: skip
from hostler.core.messages import Citation, Part, Reasoning, Text, ToolCall
from hostler.core.requests import Asked
from hostler.core.usage import Usage
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.gemini.citations import write_grounding
from hostler.wire.gemini.response import FrameReader, write_part
from hostler.wire.gemini_counts import FAILURES, write_finish, write_usage
from hostler.wire.json_array import ArrayDecoder
from hostler.wire.losses import lost_of_end
from hostler.wire.quoting import one_line, quoted
from hostler.wire.rpc_status import encode_error
from hostler.wire.sse import SseDecoder

_HEAD: Final = b'{"candidates":[{"content":{"parts":['


class StreamDecoder:
    """Bytes in, deltas out, for one reply. The first byte tells which framing it has."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._sse = SseDecoder()
        self._array: ArrayDecoder | None = None
        self._begun = False
        self._over = False

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas that `data` completes."""
        if not self._begun:
            data = data.lstrip(b"\r\n\t ")
            self._begun = bool(data)
            self._array = ArrayDecoder() if data[:1] == b"[" else None
        return self._read(data, last=False)

    def flush(self) -> list[Delta]:
        """What is left when the body ended; a reply without a finish reason is a broken one."""
        out = self._read(b"", last=True)
        if not self._over:
            self._over = True
            if not self._reader.finished:
                self._reader.report_usage()
                out.append(Failed(UpstreamBroken("The upstream's reply ended before its end.")))
        return out

    def _read(self, data: bytes, *, last: bool) -> list[Delta]:
        if self._over:
            return []
        out = self._reader.out = []
        try:
            if self._array is not None:
                frames = self._array.feed(data)
            else:
                frames = [event.data for event in (self._sse.flush() if last else self._sse.feed(data))]
            for frame in frames:
                self._reader.take(frame)
        except HostlerError as error:
            if last and isinstance(error, UpstreamGarbled):  # a cut frame: the stream broke, it is not garbled
                return out
            self._over = True
            self._reader.report_usage()
            out.append(Failed(error))
        return out


class StreamEncoder:
    """Deltas in, bytes out. A call is whole on this wire: it is held back until it ended, and those before it."""

    def __init__(self, asked: Asked) -> None:
        self.dropped: set[str] = set()
        self._asked = asked
        self._calls: dict[int, ToolCall] = {}
        self._fragments: dict[int, list[str]] = {}
        self._ended: set[int] = set()
        self._usage = Usage()
        self._finished = Finished("unknown")
        self._citations: list[Citation] = []
        self._begun = False
        self._lead = (b",\r\n" if asked.passed else b"[") if asked.as_array else b"data: "
        close = b"" if asked.as_array else b"\n\n"
        ids = b'"modelVersion":' + quoted(asked.model) + b',"responseId":' + quoted(asked.id) + b"}" + close
        self._tail = b'],"role":"model"},"index":0}],' + ids
        self._last_tail = b"," + ids

    def encode(self, deltas: Iterable[Delta]) -> bytes:
        """The frames that `deltas` amount to; may be empty."""
        out: list[bytes] = []
        for delta in deltas:
            if type(delta) is TextDelta and self._begun and delta.text:
                out += (self._lead, _HEAD, b'{"text":', quoted(delta.text), b"}", self._tail)
            else:
                self._take(delta, out)
        return b"".join(out)

    def finish(self) -> bytes:
        """The last frame: finish reason and usage. A reply whose upstream failed midway ends with an error instead."""
        finished = self._finished
        if finished.reason == "error" and finished.raw not in FAILURES:
            return self.fail(UpstreamBroken("The upstream failed while it was answering."))
        out: list[bytes] = []
        self._ended.update(self._calls)
        self._write_calls(out)
        reason = quoted(write_finish(finished.reason, finished.raw))
        grounding = b""
        if self._citations:
            grounding = b',"groundingMetadata":' + one_line(msgspec.json.encode(write_grounding(self._citations)))
        usage = msgspec.json.encode(write_usage(self._usage, self._asked))
        # Clients take a frame without parts for an invalid answer, and leave all of it out of their history.
        out += (self._lead, _HEAD, b'{"text":""}],"role":"model"},"finishReason":', reason, grounding, b',"index":0}]')
        out += (b',"usageMetadata":', usage, self._last_tail, b"]" if self._asked.as_array else b"")
        return b"".join(out)

    def fail(self, error: HostlerError) -> bytes:
        """The bare error object, as the vendor sends it: several clients pass over one in an event's data."""
        body = one_line(encode_error(error, ""))
        return self._lead + body + b"]" if self._asked.as_array else body

    def _take(self, delta: Delta, out: list[bytes]) -> None:
        match delta:
            case TextDelta(text) | RefusalDelta(text):
                self._write(Text(text=text), out)
            case ReasoningDelta(text):
                self._write(Reasoning(text=text), out)
            case ReasoningSealed(opaque):
                self._write(Reasoning(opaque=opaque), out)
            case PartEnded(opaque):
                self._write(Text(text="", opaque=opaque), out)
            case ToolCallStarted(slot, id_, name, custom):
                self._calls[slot] = ToolCall(id=id_ or f"call_{self._asked.id}_{slot}", name=name, custom=custom)
                self._fragments[slot] = []
            case ToolCallDelta(slot, text):
                self._fragments[slot].append(text)
            case ToolCallEnded(slot, opaque):
                self._calls[slot] = replace(self._calls[slot], opaque=opaque)
                self._ended.add(slot)
                self._write_calls(out)
            case _:
                self._note(delta)

    def _note(self, delta: Delta) -> None:
        match delta:
            case Cited(citation):
                self._citations.append(citation)
            case UsageDelta(usage):
                self._usage = self._usage.replaced_by(usage)
            case Finished():
                self._finished = delta
                self.dropped |= lost_of_end(delta)
            case _:
                pass  # our own id and model go out, and errors come by `fail`

    def _write_calls(self, out: list[bytes]) -> None:
        for slot in sorted(self._calls):
            if slot not in self._ended:
                return
            self._write(replace(self._calls.pop(slot), arguments="".join(self._fragments.pop(slot))), out)

    def _write(self, part: Part, out: list[bytes]) -> None:
        written = write_part(part, self.dropped)
        if written is not None:
            out += (self._lead, _HEAD, one_line(msgspec.json.encode(written)), self._tail)
            if not self._begun:
                self._begun = True
                self._lead = b",\r\n" if self._asked.as_array else self._lead


def stream_decoder(dialect: Dialect = PLAIN) -> StreamDecoder:
    """A decoder for one stream, of either framing."""
    del dialect  # nobody departs from this wire in replies
    return StreamDecoder()


def stream_encoder(asked: Asked) -> StreamEncoder:
    """An encoder for one stream: an array where `asked.as_array`, else server-sent events."""
    return StreamEncoder(asked)
