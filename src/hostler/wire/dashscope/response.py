"""Replies and errors of this wire, both ways; a stream repeats the reply object. Knows no requests and no framing.

Facts: alibabacloud.com/help/en/model-studio/qwen-api-via-dashscope, /error-code and the `dashscope` SDK 2.0.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Raw, Struct

from hostler.core import deltas
from hostler.core.deltas import Delta
from hostler.core.messages import Reasoning, ToolCall, visible_text
from hostler.core.requests import Asked, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled, UpstreamRefused
from hostler.wire.codec import Encoded
from hostler.wire.dashscope.request import HISTORY, Json
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.fields import as_count, as_items, as_members, as_text
from hostler.wire.free_text import wrapped
from hostler.wire.growing_text import GrowingText, Pieces
from hostler.wire.ids import made_call_id
from hostler.wire.losses import lost_of_reply, lost_of_sources
from hostler.wire.quoting import one_line

_NULL: Final = Raw(b"null")
_FROM_WIRE: Final[Mapping[str, FinishReason]] = {
    "stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter",
    "refusal": "refusal", "error": "error",
}  # fmt: skip
_TO_WIRE: Final[Mapping[FinishReason, str]] = {
    "length": "length", "context": "length", "tool_calls": "tool_calls", "content_filter": "content_filter",
    "refusal": "refusal",
}  # fmt: skip
_CODES: Final[Mapping[int, str]] = {
    400: "InvalidParameter", 401: "InvalidApiKey", 402: "Arrearage", 403: "AccessDenied", 404: "ModelNotFound",
    408: "RequestTimeOut", 413: "InvalidParameter", 429: "Throttling", 503: "ServiceUnavailable", 504: "RequestTimeOut",
}  # fmt: skip
_STATUSES: Final = (
    ("throttling", 429), ("limitrequests", 429), ("apikey", 401), ("arrearage", 402), ("accessdenied", 403),
    ("notfound", 404), ("datainspection", 400), ("invalid", 400), ("badrequest", 400), ("timeout", 504),
    ("unavailable", 503), ("internal", 500),
)  # fmt: skip
"""Words in an in-band error's code, and the status it would have had before the reply began."""
_LONGEST_MESSAGE: Final = 2000


class _Function(Struct, gc=False):
    name: str | None = None
    arguments: Raw = _NULL


class _Call(Struct, gc=False):
    id: str | None = None
    index: object = None
    function: _Function | None = None


class _Message(Struct, gc=False):
    content: object = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Struct, gc=False):
    message: _Message | None = None
    finish_reason: str | None = None
    index: object = None


class _Output(Struct, gc=False):
    choices: list[_Choice] | None = None
    text: str | None = None
    finish_reason: str | None = None


class Frame(Struct, gc=False):
    """One object: a whole reply, or a piece of a streamed one; or an error."""

    output: _Output | None = None
    usage: Raw = _NULL
    request_id: str | None = None
    code: object = None
    message: object = None


decode_frame = msgspec.json.Decoder(Frame).decode


class _OpenCall:
    """A call that is being read; `id` is the one that was given, perhaps none."""

    __slots__ = ("arguments", "id", "name", "slot", "started")

    def __init__(self, slot: int, pieces: Pieces) -> None:
        self.slot = slot
        self.id = ""
        self.name = ""
        self.started = False
        self.arguments = GrowingText(pieces, 1)  # no JSON object begins as its own inside


class FrameReader:
    """Turns frames into deltas, for one reply. Only the first choice counts.

    `repeat`: whether pieces repeat all before them; False: they were asked not to, and mostly do not.
    """

    def __init__(self, *, repeat: bool) -> None:
        self.finished = False
        self._started = False
        self._reply = ""
        self._pieces = Pieces(True if repeat else None)
        self._text = GrowingText(self._pieces)
        self._thinking = GrowingText(self._pieces)
        self._calls: list[_OpenCall] = []
        self._by_index: dict[int, _OpenCall] = {}
        self._usage = Usage()
        self._last_usage = _NULL

    def take(self, frame: Frame, data: bytes, out: list[Delta]) -> None:  # signature: hot path
        """Add the deltas of one frame; `data` is its bytes. Raises UpstreamRefused for an error in it."""
        output = frame.output
        if output is None and (frame.code or frame.message):
            raise refused_in_band(data)
        self._last_usage = frame.usage
        if not self._started:
            self._started = True
            self._reply = frame.request_id or ""
            out.append(deltas.Started(self._reply, ""))
            self.report_usage(out)
        if output is None:
            return
        if output.choices:
            for choice in output.choices:
                if not choice.index:
                    self._take_message(choice.message or _Message(), choice.finish_reason, out)
        elif output.text is not None:
            self._take_message(_Message(content=output.text), output.finish_reason, out)
        if self.finished:
            self.report_usage(out)

    def report_usage(self, out: list[Delta]) -> None:
        """Add what the last frame said of usage, if it is news."""
        if self._last_usage is _NULL:
            return
        usage, self._last_usage = read_usage(self._last_usage), _NULL
        if usage not in (self._usage, Usage()):
            self._usage = usage
            out.append(deltas.UsageDelta(usage))

    def _take_message(self, message: _Message, raw: str | None, out: list[Delta]) -> None:  # signature: hot path
        finish = raw if raw and raw != "null" else ""  # the word null stands there until the end
        text = message.content if isinstance(message.content, str) else _text_of(message.content)
        thinking = self._thinking.take(message.reasoning_content or "", last=bool(text or message.tool_calls or finish))
        if thinking:
            out.append(deltas.ReasoningDelta(thinking))
        text = self._text.take(text, last=bool(message.tool_calls or finish))
        if text:
            out.append(deltas.TextDelta(text))
        for position, call in enumerate(message.tool_calls or ()):
            self._take_call(call, position, out)
        if finish and not self.finished:
            self._finish(finish, out)

    def _take_call(self, call: _Call, position: int, out: list[Delta]) -> None:  # signature: hot path
        function = call.function or _Function()
        index = as_count(call.index)
        index = position if index is None else index
        open_call = self._by_index.get(index)
        if open_call is None or (call.id and open_call.id and call.id != open_call.id and function.name):
            open_call = self._by_index[index] = _OpenCall(len(self._calls), self._pieces)
            self._calls.append(open_call)
        open_call.id = open_call.id or call.id or ""
        open_call.name = open_call.name or function.name or ""
        self._add(open_call, _arguments_of(function.arguments), out)

    def _add(self, call: _OpenCall, text: str, out: list[Delta]) -> None:  # signature: hot path
        if not call.started and (call.name or text):
            call.started = True
            id_ = call.id or made_call_id(self._reply, call.slot, content=f"{call.name}{text}")
            out.append(deltas.ToolCallStarted(call.slot, id_, call.name))
        new = call.arguments.take(text)
        if new:
            out.append(deltas.ToolCallDelta(call.slot, new))

    def _finish(self, raw: str, out: list[Delta]) -> None:
        self.finished = True
        for call in self._calls:
            rest = call.arguments.take("", last=True)
            if rest:
                out.append(deltas.ToolCallDelta(call.slot, rest))
            out += [deltas.ToolCallEnded(call.slot)] if call.started else []
        reason: FinishReason = _FROM_WIRE.get(raw, "unknown")
        if any(call.started for call in self._calls) and reason in ("stop", "unknown"):
            reason = "tool_calls"
        out.append(deltas.Finished(reason, raw))


def _text_of(content: object) -> str:
    """The text of a content in parts."""
    return "".join(as_text(as_members(part).get("text")) for part in as_items(content))


def _arguments_of(raw: Raw) -> str:
    """A call's arguments as JSON text, of which some models write the object itself."""
    data = bytes(raw)
    if data.startswith(b'"'):
        return msgspec.json.decode(data, type=str)
    return "" if data == b"null" else data.decode()


def decode_response(body: bytes, dialect: Dialect = PLAIN) -> Reply:
    """The reply that an upstream gave; raises UpstreamGarbled for what is none, UpstreamRefused for an error."""
    del dialect  # what dialects differ in is the pieces of a stream
    reader, out = FrameReader(repeat=False), list[Delta]()
    try:
        frame = decode_frame(body)
        reader.take(frame, body, out)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamGarbled(f"The upstream's reply cannot be read: {error}.") from error
    if frame.output is None or (not frame.output.choices and frame.output.text is None):
        raise UpstreamGarbled(f"The upstream's reply holds no choice: {body[:200]!r}.")
    if not reader.finished:
        out.append(deltas.Finished("unknown"))
    reader.report_usage(out)
    return deltas.fold(out, HISTORY)


def encode_response(reply: Reply, asked: Asked) -> Encoded:
    """The reply for a client. Raises UpstreamBroken for one that failed midway: it has no good form."""
    if reply.finish == "error":
        raise UpstreamBroken("The upstream failed while it was answering.")
    message: Json = {"role": "assistant", "content": visible_text(reply.parts)}
    thinking = "".join(part.text for part in reply.parts if isinstance(part, Reasoning))
    if thinking:
        message["reasoning_content"] = thinking
    calls = [call if call.custom else replace(call, arguments=call.arguments or "{}") for call in reply.tool_calls]
    if calls:
        message["tool_calls"] = [write_call(call, slot) for slot, call in enumerate(calls)]
    dropped = lost_of_reply(reply) | lost_of_sources(reply.parts)
    choice = {"finish_reason": finish_to_wire(reply.finish, reply.raw_finish), "index": 0, "message": message}
    body: Json = {"request_id": asked.id, "output": {"choices": [choice]}, "usage": write_usage(reply.usage, asked)}
    return Encoded(one_line(msgspec.json.encode(body)), tuple(sorted(dropped)))


def write_call(call: ToolCall, slot: int) -> Json:
    """A call for a client, whole or as far as it has come."""
    arguments = wrapped(call.arguments) if call.custom else call.arguments
    function = {"name": call.name, "arguments": arguments}
    return {"index": slot, "id": call.id, "type": "function", "function": function}


def finish_to_wire(finish: FinishReason, raw: str) -> str:
    """The finish reason for a client; the wire's own word survives."""
    return raw if _FROM_WIRE.get(raw) == finish else _TO_WIRE.get(finish, "stop")


def read_usage(raw: Raw) -> Usage:
    """Five disjoint counts: the prompt's count holds what the cache gave and took, the output's the thoughts."""
    said = as_members(msgspec.json.decode(raw))
    details, written = as_members(said.get("prompt_tokens_details")), as_members(said.get("output_tokens_details"))
    read = _first(details.get("cached_tokens"), said.get("cached_tokens"))
    creation = as_members(details.get("cache_creation"))
    write = _first(details.get("cache_creation_input_tokens"), creation.get("ephemeral_5m_input_tokens"))
    prompt, output = as_count(said.get("input_tokens")), as_count(said.get("output_tokens"))
    thoughts = as_count(written.get("reasoning_tokens"))
    cached = (read or 0) + (write or 0)
    fresh = prompt - cached if prompt is not None and prompt >= cached else prompt
    visible = output - thoughts if output is not None and thoughts is not None and output >= thoughts else output
    return Usage(input=fresh, cache_read=read, cache_write=write, output=visible, reasoning=thoughts)


def _first(*values: object) -> int | None:
    for value in values:
        if value is not None and (count := as_count(value)) is not None:
            return count
    return None


def write_usage(usage: Usage, asked: Asked) -> Json:
    """`usage`, always in numbers. Our own count stands in for an unknown prompt."""
    prompt = asked.prompt_of(usage)
    output = usage.completion_tokens
    counts: Json = {"input_tokens": prompt, "output_tokens": output, "total_tokens": prompt + output}
    if usage.cache_read is not None or usage.cache_write is not None:
        read, write = usage.cache_read or 0, usage.cache_write or 0
        counts["prompt_tokens_details"] = {"cached_tokens": read, "cache_creation_input_tokens": write}
    if usage.reasoning is not None:
        counts["output_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return counts


def refused_in_band(data: bytes) -> UpstreamRefused:
    """An error inside a stream that began with status 200: its code says which status was meant."""
    try:
        said = as_members(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = {"message": data.decode("utf-8", "replace")}
    code = as_text(said.get("code"))
    status = next((status for word, status in _STATUSES if word in code.lower().replace("_", "")), 502)
    message = as_text(said.get("message")) or code or "The upstream broke off with an error."
    return UpstreamRefused(message[:_LONGEST_MESSAGE], status=status, kind=code, body=data)


def encode_error(error: HostlerError, request_id: str) -> bytes:
    """The body of an error reply, and what an error event of a stream holds."""
    code = _CODES.get(error.status, "InternalError" if error.status >= 500 else "InvalidParameter")
    return one_line(msgspec.json.encode({"code": code, "message": error.text, "request_id": request_id}))
