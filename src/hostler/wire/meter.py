"""Reads usage and the model's name off replies that pass through, after they were forwarded.

Knows: which fields of a reply carry them. Does not know: how counts are to be read (each wire's own readers), and
anything else of a reply.
"""

import re
from typing import Annotated, Protocol

import msgspec

from hostler.core.deltas import Finished, UsageDelta
from hostler.core.usage import UNKNOWN, Usage
from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT, Wire
from hostler.errors import HostlerError, UpstreamGarbled
from hostler.wire.anthropic.vocabulary import WireUsage, usage_to_core
from hostler.wire.codecs import codec_of
from hostler.wire.fields import MAX_COUNT, as_count
from hostler.wire.openai_chat.counts import read_timings, read_usage
from hostler.wire.sse import SseDecoder

_KEEP = 64 * 1024
"""Bytes of an unfinished line that are kept; a frame that carries usage is far shorter."""
_FIRST_DATA = re.compile(rb"(?:^|[\r\n])data:[^\r\n]*(\r\n|\n|\r(?=[^\n]))(?=([^d]|d[^a]|da[^t]|dat[^a]|data))")
"""A stream's first line of data, its line end, and as much of the next line as tells whether it is data too."""
_STOP = b'"message_stop"'
"""With its quotes: within a text they would be escaped."""
_DONE = b"[DONE]"


_Tokens = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]


class _Counts(msgspec.Struct, gc=False, omit_defaults=True):
    """All of a chat reply's `usage` that `read_usage` looks at, as every server but odd ones writes it."""

    prompt_tokens: _Tokens | None = None
    completion_tokens: _Tokens | None = None
    total_tokens: _Tokens | None = None
    cost: object = None
    cost_in_usd_ticks: object = None
    is_byok: object = None
    cost_details: object = None
    prompt_tokens_details: dict[str, object] | None = None
    completion_tokens_details: dict[str, object] | None = None
    prompt_cache_hit_tokens: _Tokens | None = None
    cached_tokens: _Tokens | None = None
    cache_read_input_tokens: _Tokens | None = None
    cache_write_tokens: _Tokens | None = None
    cache_creation_input_tokens: _Tokens | None = None
    cache_creation_tokens: _Tokens | None = None
    reasoning_tokens: _Tokens | None = None


class _ChatReply(msgspec.Struct, gc=False):
    model: str | None = None
    usage: _Counts | None = None
    timings: dict[str, object] | None = None


class _OddChatReply(msgspec.Struct, gc=False):
    """As `_ChatReply`, with whatever a server takes for counts."""

    model: str | None = None
    usage: dict[str, object] | None = None
    timings: dict[str, object] | None = None


class _Message(msgspec.Struct):
    usage: WireUsage | None = None


class _MessagesReply(msgspec.Struct):
    model: str | None = None
    usage: WireUsage | None = None
    message: _Message | None = None
    input_tokens: int | None = None


class Meter(Protocol):
    """Takes forwarded bytes of a stream, any cut of them; `usage` and `ended` say what was found so far."""

    usage: Usage
    ended: bool

    def feed(self, data: bytes) -> None: ...


Reading = tuple[str | None, Usage]
"""What a whole reply says of itself: its model, None where it does not name one, and its usage."""

_NOTHING: Reading = (None, UNKNOWN)
_decode_chat = msgspec.json.Decoder(_ChatReply).decode
_decode_odd_chat = msgspec.json.Decoder(_OddChatReply).decode
_decode_messages = msgspec.json.Decoder(_MessagesReply).decode


def read_reply(wire: Wire, body: bytes) -> Reading:
    """Model and usage of a whole JSON reply; nothing found is unknown, never an error."""
    try:
        if wire == OPENAI_CHAT:
            return _read_chat(body)
        return _read_messages(body) if wire == ANTHROPIC else _read_decoded(wire, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOTHING


def stream_meter(wire: Wire) -> Meter:
    """A meter for a stream of `wire`."""
    return _StreamMeter(wire) if wire in (OPENAI_CHAT, ANTHROPIC) else _DeltaMeter(wire)


def _read_decoded(wire: Wire, body: bytes) -> Reading:
    """A reply of a wire that has no reader of its own here: all of it is decoded."""
    try:
        reply = codec_of(wire).decode_response(body)
    except HostlerError:
        return _NOTHING
    return (reply.model or None) if wire != GEMINI else None, reply.usage  # which names it in another field


class _DeltaMeter:
    """Reads a stream of a wire that has no reader of its own here: all of it is decoded."""

    __slots__ = ("_decoder", "ended", "usage")

    def __init__(self, wire: Wire) -> None:
        self.usage = UNKNOWN
        self.ended = False
        self._decoder = codec_of(wire).stream_decoder()

    def feed(self, data: bytes) -> None:
        try:
            batch = self._decoder.feed(data)
        except HostlerError:  # what we cannot read still passes
            return
        for delta in batch:
            if isinstance(delta, UsageDelta):
                self.usage = self.usage.replaced_by(delta.usage)
            elif isinstance(delta, Finished):
                self.ended = True


def _read_chat(body: bytes) -> Reading:
    try:
        reply = _decode_chat(body)
    except msgspec.ValidationError:
        return _read_odd_chat(body)
    said = reply.usage
    if said is None:
        return reply.model, UNKNOWN if reply.timings is None else read_timings(reply.timings)
    if said.cost is not None or said.cost_in_usd_ticks is not None:
        return reply.model, read_usage(msgspec.structs.asdict(said))
    if said.prompt_tokens_details or said.completion_tokens_details or said.prompt_cache_hit_tokens is not None:
        return reply.model, read_usage(msgspec.structs.asdict(said))
    return reply.model, Usage(said.prompt_tokens, None, None, said.completion_tokens, None)


def _read_odd_chat(body: bytes) -> Reading:
    reply = _decode_odd_chat(body)
    if reply.usage is not None:
        return reply.model, read_usage(reply.usage)
    return reply.model, UNKNOWN if reply.timings is None else read_timings(reply.timings)


def _read_messages(body: bytes) -> Reading:
    reply = _decode_messages(body)
    said = reply.usage or (reply.message.usage if reply.message else None)
    if said is not None:
        return reply.model, usage_to_core(said)
    return reply.model, Usage(input=as_count(reply.input_tokens))


class _StreamMeter:
    """Waits for a stream's first line of data, which shows how this server writes, for the meter that suits it."""

    __slots__ = ("_meter", "_start", "_wire", "ended", "usage")

    def __init__(self, wire: Wire) -> None:
        self.usage = UNKNOWN
        self.ended = False
        self._wire: Wire = wire
        self._start: bytes = b""
        self._meter: _FrameMeter | _EventMeter | None = None

    def feed(self, data: bytes) -> None:
        if self._meter is None:
            data = self._start + data
            first = _FIRST_DATA.search(data)
            if first is None and len(data) <= _KEEP:
                self._start = data
                return
            self._start = b""
            odd = first is not None and (first[1] == b"\r" or first[2] == b"data")
            self._meter = _EventMeter(self._wire) if odd else _frame_meter(self._wire)
        self._meter.feed(data)
        self.usage, self.ended = self._meter.usage, self._meter.ended


def _frame_meter(wire: Wire) -> "_FrameMeter":
    if wire == ANTHROPIC:
        return _FrameMeter(wire, _STOP, words=(b'"usage"',))
    return _FrameMeter(wire, _DONE, words=(b'"usage":{', b'"usage": {', b'"timings"'))


class _EventMeter:
    """Reads every event: for the rare server that spreads an event's data over lines, or ends lines with CR alone."""

    __slots__ = ("_decoder", "_wire", "ended", "usage")

    def __init__(self, wire: Wire) -> None:
        self.usage = UNKNOWN
        self.ended = False
        self._wire: Wire = wire
        self._decoder = SseDecoder()

    def feed(self, data: bytes) -> None:
        try:
            events = self._decoder.feed(data)
        except UpstreamGarbled:  # an event that is too large to be read still passes
            self._decoder = SseDecoder()
            return
        for event in events:
            self.usage = self.usage.replaced_by(read_reply(self._wire, event.data)[1])
            if self._wire == ANTHROPIC:
                self.ended = self.ended or _STOP in event.data
            else:
                self.ended = self.ended or event.data.strip() == _DONE


class _FrameMeter:
    """Looks for frames that carry usage; all others are passed over with one search for a word."""

    __slots__ = ("_end_mark", "_rest", "_wire", "_words", "ended", "usage")

    def __init__(self, wire: Wire, end_mark: bytes, *, words: tuple[bytes, ...]) -> None:
        self.usage = UNKNOWN
        self.ended = False
        self._wire: Wire = wire
        self._end_mark = end_mark
        self._words = words
        self._rest = b""

    def feed(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        self._rest = rest if len(rest) <= _KEEP else b""
        for word in self._words:
            if word in data:
                self._read_lines(data[:end])
                break
        if self._end_mark in data and not self.ended:
            self.ended = self._wire == ANTHROPIC or any(map(_says_done, data.split(b"\n")))

    def _read_lines(self, lines: bytes) -> None:
        for line in lines.split(b"\n"):
            if line.startswith(b"data:") and any(word in line for word in self._words):
                self.usage = self.usage.replaced_by(read_reply(self._wire, line[5:].strip())[1])


def _says_done(line: bytes) -> bool:
    """Whether a line is the chat wire's end mark; a text may hold the word too."""
    return line.startswith(b"data:") and line[5:].strip() == _DONE
