"""Reads usage and the model's name off replies that pass through, after they were forwarded.

Knows: where the wires with a pass-through keep usage. Does not know: anything else of a reply.
Facts: the vendors' published schemas; inclusion rules in the docstrings of the readers.
"""

from typing import Protocol

import msgspec

from hostler.core.usage import UNKNOWN, Usage
from hostler.core.wires import ANTHROPIC, OPENAI_CHAT, Wire

_KEEP = 64 * 1024
"""Bytes of an unfinished line that are kept; a frame that carries usage is far shorter."""


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class _ChatUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None


class _Timings(msgspec.Struct):
    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0


class _ChatReply(msgspec.Struct):
    model: str | None = None
    usage: _ChatUsage | None = None
    timings: _Timings | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _MessagesUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Message(msgspec.Struct):
    usage: _MessagesUsage | None = None


class _MessagesReply(msgspec.Struct):
    model: str | None = None
    usage: _MessagesUsage | None = None
    message: _Message | None = None
    input_tokens: int | None = None


class Reading(msgspec.Struct):
    """What a whole reply says of itself; `model` None: it does not name one."""

    model: str | None
    usage: Usage


class Meter(Protocol):
    """Takes forwarded bytes of a stream, any cut of them; `usage` and `ended` say what was found so far."""

    usage: Usage
    ended: bool

    def feed(self, data: bytes) -> None: ...


def chat_usage(said: _ChatUsage) -> Usage:
    """`prompt_tokens` includes cached ones and `completion_tokens` reasoning (some vendors leave the latter out)."""
    prompt, completion = said.prompt_tokens, said.completion_tokens
    details = said.prompt_tokens_details or _Details()
    read = said.prompt_cache_hit_tokens if details.cached_tokens is None else details.cached_tokens
    written = details.cache_write_tokens
    reasoning = said.completion_tokens_details.reasoning_tokens if said.completion_tokens_details else None
    plain = None if prompt is None else max(0, prompt - (read or 0) - (written or 0))
    visible = completion
    if completion is not None and reasoning is not None and reasoning <= completion:
        visible = completion - reasoning
    return Usage(plain, read, written, visible, reasoning)


def messages_usage(said: _MessagesUsage) -> Usage:
    """`input_tokens` excludes both cache counts; `output_tokens` includes thinking."""
    thinking = said.output_tokens_details.thinking_tokens if said.output_tokens_details else None
    output = said.output_tokens
    if output is not None and thinking is not None:
        output = max(0, output - thinking)
    return Usage(said.input_tokens, said.cache_read_input_tokens, said.cache_creation_input_tokens, output, thinking)


_chat = msgspec.json.Decoder(_ChatReply)
_messages = msgspec.json.Decoder(_MessagesReply)


def _read_chat(body: bytes) -> Reading:
    reply = _chat.decode(body)
    if reply.usage is not None:
        return Reading(reply.model, chat_usage(reply.usage))
    if reply.timings is not None:
        t = reply.timings
        return Reading(reply.model, Usage(t.prompt_n, t.cache_n, None, t.predicted_n, None))
    return Reading(reply.model, UNKNOWN)


def _read_messages(body: bytes) -> Reading:
    reply = _messages.decode(body)
    said = reply.usage or (reply.message.usage if reply.message else None)
    if said is not None:
        return Reading(reply.model, messages_usage(said))
    return Reading(reply.model, Usage(input=reply.input_tokens))


def read_reply(wire: Wire, body: bytes) -> Reading:
    """Model and usage of a whole JSON reply; nothing found is unknown, never an error."""
    try:
        return _read_messages(body) if wire == ANTHROPIC else _read_chat(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Reading(None, UNKNOWN)


class _FrameMeter:
    """Looks for frames that carry usage; all others are passed over with one search for a word."""

    __slots__ = ("_end_mark", "_rest", "_wire", "_words", "ended", "usage")

    def __init__(self, wire: Wire, end_mark: bytes, words: tuple[bytes, ...]) -> None:
        self.usage = UNKNOWN
        self.ended = False
        self._wire = wire
        self._end_mark = end_mark
        self._words = words
        self._rest = b""

    def feed(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        self._rest = rest if len(rest) <= _KEEP else b""
        if any(word in data for word in self._words):
            self._read_lines(data[:end])
        if self._end_mark in data:
            self.ended = True

    def _read_lines(self, lines: bytes) -> None:
        for line in lines.split(b"\n"):
            if line.startswith(b"data:") and any(word in line for word in self._words):
                found = read_reply(self._wire, line[5:].strip()).usage
                self.usage = self.usage.replaced_by(found)


def stream_meter(wire: Wire) -> Meter:
    """A meter for a stream of `wire`."""
    if wire == ANTHROPIC:
        return _FrameMeter(wire, b"message_stop", (b'"usage"',))
    return _FrameMeter(OPENAI_CHAT, b"[DONE]", (b'"usage":{', b'"usage": {', b'"timings"'))
