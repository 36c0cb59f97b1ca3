"""A streamed chat completion, written from deltas. Knows chunks; does not know who reads them.

All that never changes in a reply's chunks is encoded once; per text delta only the escaped text is put in.
"""

from collections.abc import Iterable
from typing import Final, assert_never

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
from hostler.core.requests import Asked
from hostler.core.usage import Usage
from hostler.errors import HostlerError
from hostler.wire.losses import lost_of_delta
from hostler.wire.openai_chat.citations import write_citation
from hostler.wire.openai_chat.counts import write_finish, write_usage
from hostler.wire.openai_chat.response import is_details, reply_id
from hostler.wire.openai_errors import body_of, error_members
from hostler.wire.quoting import one_line, quoted

_END: Final = b'},"logprobs":null,"finish_reason":null}]}\n\n'

_encode = msgspec.json.Encoder().encode


class StreamEncoder:
    """Deltas in, bytes out; each delta becomes a chunk of its own. Opaque state is named in `dropped`."""

    def __init__(self, asked: Asked) -> None:
        self.dropped: set[str] = set()
        self._asked = asked
        self._usage = Usage()
        self._begun = False
        self._finished = False
        self._refused = False
        self._custom: set[int] = set()
        self._bare: set[int] = set()  # function calls that have no text of arguments yet
        self._calls = 0
        self._said = self._part = 0  # characters of text, and how many there were when its last part began
        self._head = (
            b'data: {"id":' + quoted(reply_id(asked)) + b',"object":"chat.completion.chunk","created":'
            + str(asked.created).encode() + b',"model":' + quoted(asked.model)
        )  # fmt: skip
        self._start = self._head + b',"choices":[{"index":0,"delta":{'
        self._text_start = self._start + b'"content":'

    def encode(self, deltas: Iterable[Delta]) -> bytes:
        """The chunks for `deltas`, one after the other."""
        out: list[bytes] = []
        for delta in deltas:
            if isinstance(delta, TextDelta) and self._begun:
                text = delta.text
                self._said += len(text)
                out += (self._text_start, _encode(text) if text.isascii() else quoted(text), _END)
            else:
                self._write(delta, out)
        return b"".join(out)

    def finish(self) -> bytes:
        """Finish chunk, if none was written, the usage chunk, if it was asked for, and the end mark."""
        out: list[bytes] = []
        self._begin(out)
        if not self._finished:
            self._write_finish(Finished("tool_calls" if self._calls else "stop"), out)
        if self._asked.include_usage:
            usage = body_of(write_usage(self._usage, self._asked))
            out += (self._head, b',"choices":[],"usage":', usage, b"}\n\n")
        out.append(b"data: [DONE]\n\n")
        return b"".join(out)

    def fail(self, error: HostlerError) -> bytes:
        """An error frame and no end mark, so that nobody takes the reply for a whole one."""
        return b"data: " + one_line(body_of(error_members(error))) + b"\n\n"

    def _write(self, delta: Delta, out: list[bytes]) -> None:
        self._begin(out)
        match delta:
            case TextDelta(text):
                self._said += len(text)
                self._chunk(b'"content":' + quoted(text), out)
            case ReasoningDelta(text):
                self._chunk(b'"reasoning_content":' + quoted(text), out)
            case RefusalDelta(text):
                self._refused = True
                self._chunk(b'"refusal":' + quoted(text), out)
            case ToolCallStarted() | ToolCallDelta():
                self._chunk(b'"tool_calls":' + self._call_piece(delta), out)
            case _:
                self._note(delta, out)

    def _note(
        self,
        delta: Started | Cited | ReasoningSealed | PartEnded | ToolCallEnded | UsageDelta | Finished | Failed,
        out: list[bytes],
    ) -> None:
        match delta:
            case UsageDelta(usage):
                self._usage = self._usage.replaced_by(usage)
            case Finished():
                self._write_finish(delta, out)
            case ReasoningSealed(opaque):
                if is_details(opaque):
                    self._chunk(b'"reasoning_details":' + one_line(opaque), out)
                else:
                    self.dropped |= lost_of_delta(delta)
            case Cited(citation):
                note = write_citation(citation, self._part, end=self._said)
                self._chunk(b'"annotations":' + one_line(_encode([note])), out)
            case PartEnded():
                self._part = self._said
                self.dropped |= lost_of_delta(delta)
            case ToolCallEnded(slot):
                self.dropped |= lost_of_delta(delta)
                if slot in self._bare:
                    self._no_arguments(slot, out)
            case Started() | Failed():
                pass  # a chunk has no word for these; failures come through `fail`
            case _:
                assert_never(delta)

    def _begin(self, out: list[bytes]) -> None:
        if not self._begun:
            self._begun = True
            self._chunk(b'"role":"assistant","content":""', out)

    def _chunk(self, piece: bytes, out: list[bytes]) -> None:
        out += (self._start, piece, _END)

    def _no_arguments(self, slot: int, out: list[bytes]) -> None:
        """Arguments are JSON text on this wire, and clients parse it: none at all is the empty object."""
        self._chunk(b'"tool_calls":' + self._call_piece(ToolCallDelta(slot, "{}")), out)

    def _call_piece(self, delta: ToolCallStarted | ToolCallDelta) -> bytes:
        if isinstance(delta, ToolCallDelta):
            if delta.text:
                self._bare.discard(delta.slot)
            key, inner = ("custom", "input") if delta.slot in self._custom else ("function", "arguments")
            return one_line(_encode([{"index": delta.slot, key: {inner: delta.text}}]))
        self._calls += 1
        if delta.custom:
            self._custom.add(delta.slot)
            custom = {"name": delta.name, "input": ""}
            return one_line(_encode([{"index": delta.slot, "id": delta.id, "type": "custom", "custom": custom}]))
        self._bare.add(delta.slot)
        function = {"name": delta.name, "arguments": ""}
        return one_line(_encode([{"index": delta.slot, "id": delta.id, "type": "function", "function": function}]))

    def _write_finish(self, delta: Finished, out: list[bytes]) -> None:
        self._finished = True
        self.dropped |= lost_of_delta(delta)
        if delta.reason in ("tool_calls", "stop"):  # else the call may have been cut before its arguments
            for slot in sorted(self._bare):
                self._no_arguments(slot, out)
        word = write_finish(delta.reason, calls=self._calls > 0, refused=self._refused)
        out += (self._start, b'},"logprobs":null,"finish_reason":"', word.encode(), b'"}]}\n\n')
