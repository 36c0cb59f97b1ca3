"""Streams of this wire, both ways: one JSON object a line. Knows lines and pieces; does not know requests.

Each piece has the reply's head; a call of a tool is whole in one piece. An error is a line of its own.
"""

from collections.abc import Callable, Iterable
from time import perf_counter_ns
from typing import Final

import msgspec

from hostler.core import deltas
from hostler.core.deltas import (
    Delta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
)
from hostler.core.messages import ToolCall
from hostler.core.requests import Asked
from hostler.core.usage import Usage
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.event_streams import StreamReader
from hostler.wire.losses import CITATIONS, lost_of_delta
from hostler.wire.ndjson import LineDecoder
from hostler.wire.ollama.response import FrameReader, decode_frame, encode_error, head, tail, write_call
from hostler.wire.quoting import one_line, quoted
from hostler.wire.whole_calls import WholeCalls

_encode = msgspec.json.Encoder().encode


class StreamDecoder(StreamReader[bytes]):
    """Bytes in, deltas out, of either form. The reply is over with the piece that says so."""

    def __init__(self, dialect: Dialect = PLAIN) -> None:
        super().__init__(LineDecoder())
        self._reader = FrameReader(dialect.reasoning_tags)

    def take(self, events: list[bytes], out: list[Delta]) -> None:
        """Add what the lines say. Raises UpstreamRefused for an error, UpstreamGarbled for what is no piece."""
        reader = self._reader
        for line in events:
            try:
                reader.take(decode_frame(line), line, out)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise UpstreamGarbled(f"The upstream sent a line that is no piece: {line[:200]!r}.") from error
            if reader.finished:
                self.over = True
                return


class StreamEncoder:
    """Deltas in, bytes out; each text delta is a piece of its own, each call one when it is whole.

    `prompt`: for a client of generate. `clock` counts nanoseconds: clients compute their speed from the durations.
    """

    def __init__(self, asked: Asked, *, prompt: bool = False, clock: Callable[[], int] = perf_counter_ns) -> None:
        self.dropped: set[str] = set()
        self._asked = asked
        self._prompt = prompt
        self._clock = clock
        self._begun_at = clock()
        self._first_at = 0
        self._usage = Usage()
        self._finished = deltas.Finished("stop")
        self._failed = False
        self._calls = WholeCalls(asked.id)
        self._slots = 0
        start = one_line(_encode(head(asked)))[:-1]
        said = b',"response":' if prompt else b',"message":{"role":"assistant","content":'
        self._text_start: Final = start + said
        self._end: Final = b',"done":false}\n' if prompt else b'},"done":false}\n'

    def encode(self, deltas: Iterable[Delta]) -> bytes:
        """The pieces for `deltas`, one after the other."""
        out: list[bytes] = []
        for delta in deltas:
            if isinstance(delta, TextDelta | RefusalDelta):
                text = delta.text
                if not self._first_at:
                    self._first_at = self._clock()
                out += (self._text_start, _encode(text) if text.isascii() else quoted(text), self._end)
            else:
                self._write(delta, out)
        return b"".join(out)

    def finish(self) -> bytes:
        """The last piece, with counts and durations; nothing where an error was written instead."""
        if self._failed:
            return b""
        out: list[bytes] = []
        self._write_calls(self._calls.rest(), out)
        now, start = self._clock(), self._begun_at
        first = self._first_at or now
        said = {"response": ""} if self._prompt else {"message": {"role": "assistant", "content": ""}}
        body = head(self._asked) | said
        body |= tail(self._finished.reason, self._finished.raw, usage=self._usage, asked=self._asked)
        body |= {"total_duration": now - start, "prompt_eval_duration": first - start, "eval_duration": now - first}
        return b"".join((*out, one_line(_encode(body)), b"\n"))

    def fail(self, error: HostlerError) -> bytes:
        """A line with the error and no last piece, so that nobody takes the reply for a whole one."""
        self._failed = True
        return encode_error(error, "") + b"\n"

    def _write(self, delta: Delta, out: list[bytes]) -> None:
        match delta:
            case ReasoningDelta(text):
                if not self._first_at:
                    self._first_at = self._clock()
                out += (self._text_start, b'"","thinking":', quoted(text), self._end)
            case ToolCallStarted() | ToolCallDelta() | ToolCallEnded():
                self.dropped |= lost_of_delta(delta)
                self._write_calls(self._calls.take(delta), out)
            case deltas.Finished(reason="error"):  # no word for it, and a last piece would make it whole
                out.append(self.fail(UpstreamBroken("The upstream failed while it was answering.")))
            case _:
                self._note(delta)

    def _note(self, delta: Delta) -> None:
        match delta:
            case deltas.Finished():
                self._finished = delta
                self.dropped |= lost_of_delta(delta)
            case deltas.Cited():
                self.dropped.add(CITATIONS)
            case deltas.UsageDelta(usage):
                self._usage = self._usage.replaced_by(usage)
            case _:  # a piece has no word for the rest; failures come through `fail`
                self.dropped |= lost_of_delta(delta)

    def _write_calls(self, calls: list[ToolCall], out: list[bytes]) -> None:
        for call in calls:
            if self._prompt:
                self.dropped.add("message.tool_calls")
                continue
            written = one_line(_encode([write_call(call, self._slots, dropped=self.dropped)]))
            self._slots += 1
            out += (self._text_start, b'"","tool_calls":', written, self._end)
