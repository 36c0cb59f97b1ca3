"""Streams of this wire, both ways: server-sent events, or one JSON array. Knows framing; the frames are replies.

Facts: `streamGenerateContent` with and without `alt=sse`. There is no end mark; the last frame has a finish reason.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from hostler.core import deltas
from hostler.core.deltas import Delta, ReasoningDelta, RefusalDelta, TextDelta
from hostler.core.messages import Citation, Part, Reasoning, Text
from hostler.core.requests import Asked
from hostler.core.usage import Usage
from hostler.errors import HostlerError, UpstreamBroken
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.event_streams import StreamReader
from hostler.wire.gemini.response import FrameReader, write_grounding, write_part
from hostler.wire.gemini_counts import FAILURES, write_finish, write_usage
from hostler.wire.json_array import ArrayDecoder
from hostler.wire.losses import lost_of_end
from hostler.wire.quoting import one_line, quoted
from hostler.wire.rpc_status import encode_error
from hostler.wire.sse import SseDecoder
from hostler.wire.whole_calls import WholeCalls

_HEAD: Final = b'{"candidates":[{"content":{"parts":['


class _Frames:
    """Bytes in, whole frames out, of either framing: the first byte tells which it is."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._array: ArrayDecoder | None = None
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes."""
        if not self._begun:
            data = data.lstrip(b"\r\n\t ")
            self._begun = bool(data)
            self._array = ArrayDecoder() if data[:1] == b"[" else None
        return self._array.feed(data) if self._array is not None else [event.data for event in self._sse.feed(data)]

    def flush(self) -> list[bytes]:
        """What is left at the end of the body."""
        return [] if self._array is not None else [event.data for event in self._sse.flush()]


class StreamDecoder(StreamReader[bytes]):
    """Bytes in, deltas out, for one reply. Usage may follow the finish reason, so that it is read to the body's end."""

    def __init__(self, dialect: Dialect = PLAIN) -> None:
        del dialect  # nobody departs from this wire in replies
        super().__init__(_Frames())
        self._reader = FrameReader()

    def take(self, events: list[bytes], out: list[Delta]) -> None:
        """Add what the frames say. Raises UpstreamRefused for an error, UpstreamGarbled for what is no frame."""
        self._reader.out = out
        try:
            for frame in events:
                self._reader.take(frame)
        except HostlerError:
            self._reader.report_usage()
            raise

    def end_early(self, out: list[Delta]) -> None:
        """There is no end mark: a reply without a finish reason is a broken one."""
        if not self._reader.finished:
            self._reader.report_usage()
            super().end_early(out)


class StreamEncoder:
    """Deltas in, bytes out: an array of frames where `asked.as_array`, else server-sent events."""

    def __init__(self, asked: Asked) -> None:
        self.dropped: set[str] = set()
        self._asked = asked
        self._calls = WholeCalls(asked.id)
        self._usage = Usage()
        self._finished = deltas.Finished("unknown")
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
        for call in self._calls.rest():
            self._write(call, out)
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
            case deltas.ReasoningSealed(opaque):
                self._write(Reasoning(opaque=opaque), out)
            case deltas.PartEnded(opaque):
                self._write(Text(text="", opaque=opaque), out)
            case deltas.ToolCallStarted() | deltas.ToolCallDelta() | deltas.ToolCallEnded():
                for call in self._calls.take(delta):
                    self._write(call, out)
            case _:
                self._note(delta)

    def _note(self, delta: Delta) -> None:
        match delta:
            case deltas.Cited(citation):
                self._citations.append(citation)
            case deltas.UsageDelta(usage):
                self._usage = self._usage.replaced_by(usage)
            case deltas.Finished():
                self._finished = delta
                self.dropped |= lost_of_end(delta)
            case _:
                pass  # our own id and model go out, and errors come by `fail`

    def _write(self, part: Part, out: list[bytes]) -> None:
        written = write_part(part, self.dropped)
        if written is not None:
            out += (self._lead, _HEAD, one_line(msgspec.json.encode(written)), self._tail)
            if not self._begun:
                self._begun = True
                self._lead = b",\r\n" if self._asked.as_array else self._lead
