"""Streams of this wire, both ways: numbered events with a reply object each. Knows events and pieces; no requests."""

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from hostler.core import deltas
from hostler.core.deltas import Delta, ReasoningDelta, RefusalDelta, TextDelta
from hostler.core.messages import ToolCall
from hostler.core.requests import Asked
from hostler.core.usage import Usage
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.wire.dashscope import response
from hostler.wire.dashscope.request import CUMULATIVE, Json
from hostler.wire.dashscope.response import FrameReader, decode_frame, refused_in_band
from hostler.wire.dialects import Dialect
from hostler.wire.event_streams import EventStreamDecoder
from hostler.wire.free_text import wrapped
from hostler.wire.losses import CITATIONS, lost_of_delta
from hostler.wire.quoting import one_line
from hostler.wire.sse import SseEvent

_encode = msgspec.json.Encoder().encode


class StreamDecoder(EventStreamDecoder):
    """Bytes in, deltas out. The reply is over with the piece that holds a finish reason."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._reader = FrameReader(repeat=not dialect.incremental_output)

    def take(self, events: list[SseEvent], out: list[Delta]) -> None:
        """Add what `events` say. Raises UpstreamRefused for an error, UpstreamGarbled for what is no piece."""
        reader = self._reader
        for event in events:
            data = event.data
            if event.event == "error":
                raise refused_in_band(data)
            try:
                reader.take(decode_frame(data), data, out)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                word = data.strip()
                if word in (b"", b"[DONE]"):
                    continue
                raise UpstreamGarbled(f"The upstream sent an event that is no piece: {word[:200]!r}.") from error
            if reader.finished:
                self.over = True
                return


class StreamEncoder:
    """Deltas in, bytes out; each delta is a piece of its own, and repeats all before it if the client wants that."""

    def __init__(self, asked: Asked) -> None:
        self.dropped: set[str] = set()
        self._asked = asked
        self._repeats = asked.request is not None and asked.request.extra.get(CUMULATIVE) is False
        self._count = 0
        self._text = ""
        self._thinking = ""
        self._calls: dict[int, ToolCall] = {}
        self._usage = Usage()
        self._finished = deltas.Finished("stop")
        self._failed = False

    def encode(self, deltas: Iterable[Delta]) -> bytes:
        """The pieces for `deltas`, one after the other."""
        out: list[bytes] = []
        for delta in deltas:
            match delta:
                case TextDelta(text) | RefusalDelta(text):
                    self._text += text if self._repeats else ""
                    self._piece(text, out)
                case ReasoningDelta(text):
                    self._thinking += text if self._repeats else ""
                    self._piece("", out, thinking=text)
                case _:
                    self._note(delta, out)
        return b"".join(out)

    def finish(self) -> bytes:
        """The last piece, with finish reason and usage; nothing where an error was written instead."""
        if self._failed:
            return b""
        out: list[bytes] = []
        self._piece("", out, finish=response.finish_to_wire(self._finished.reason, self._finished.raw))
        return b"".join(out)

    def fail(self, error: HostlerError) -> bytes:
        """An error event and no last piece, so that nobody takes the reply for a whole one."""
        self._failed = True
        return self._event(b"error", error.status, data=response.encode_error(error, self._asked.id))

    def _note(self, delta: Delta, out: list[bytes]) -> None:
        match delta:
            case deltas.ToolCallStarted(slot, id_, name, custom):
                self._calls[slot] = ToolCall(id=id_, name=name, custom=custom)
                self._piece("", out, call=self._fragment(slot, ""))
            case deltas.ToolCallDelta(slot, text):
                call = self._calls[slot]
                self._calls[slot] = replace(call, arguments=call.arguments + text)
                if not call.custom:
                    self._piece("", out, call=self._fragment(slot, text, name=""))
            case deltas.ToolCallEnded(slot):
                self.dropped |= lost_of_delta(delta)
                self._end_call(slot, out)
            case deltas.Finished(reason="error"):  # no word for it, and a last piece would make it whole
                out.append(self.fail(UpstreamBroken("The upstream failed while it was answering.")))
            case deltas.Finished():
                self._finished = delta
                self.dropped |= lost_of_delta(delta)
            case deltas.Cited():
                self.dropped.add(CITATIONS)
            case deltas.UsageDelta(usage):
                self._usage = self._usage.replaced_by(usage)
            case _:  # a piece has no word for the rest; failures come through `fail`
                self.dropped |= lost_of_delta(delta)

    def _fragment(self, slot: int, arguments: str, *, name: str | None = None) -> Json:
        """A piece of a call: the first one names it."""
        call = self._calls[slot]
        piece = call if name is None else replace(call, id="", name=name)
        return response.write_call(replace(piece, arguments=arguments, custom=False), slot)

    def _end_call(self, slot: int, out: list[bytes]) -> None:
        call = self._calls[slot]
        if call.custom or not call.arguments:  # JSON text is due, which clients parse: none at all is the empty object
            text = wrapped(call.arguments) if call.custom else "{}"
            self._calls[slot] = replace(call, arguments=text, custom=False)
            self._piece("", out, call=self._fragment(slot, text, name=""))

    def _piece(
        self, text: str, out: list[bytes], *, thinking: str = "", call: Json | None = None, finish: str = ""
    ) -> None:
        message: Json = {"role": "assistant", "content": self._text if self._repeats else text}
        thinking = self._thinking if self._repeats else thinking
        if thinking:
            message["reasoning_content"] = thinking
        if self._repeats and self._calls:
            known = {slot: replace(c, arguments="" if c.custom else c.arguments) for slot, c in self._calls.items()}
            message["tool_calls"] = [response.write_call(replace(c, custom=False), s) for s, c in known.items()]
        elif call is not None:
            message["tool_calls"] = [call]
        choice = {"finish_reason": finish or "null", "index": 0, "message": message}
        body: Json = {"output": {"choices": [choice]}, "request_id": self._asked.id}
        if finish:
            body["usage"] = response.write_usage(self._usage, self._asked)
        out.append(self._event(b"result", 200, data=one_line(_encode(body))))

    def _event(self, name: bytes, status: int, *, data: bytes) -> bytes:
        self._count += 1
        return b"id:%d\nevent:%s\n:HTTP_STATUS/%d\ndata:%s\n\n" % (self._count, name, status, data)
