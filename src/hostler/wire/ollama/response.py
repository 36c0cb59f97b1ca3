"""Replies, errors and embeddings of this wire, both ways. Knows no requests and no framing.

Facts: docs/api.md and api/types.go of ollama 0.33, and the types of its Python package 0.6. A stream repeats the reply
object piece by piece. All counts and durations (nanoseconds) are left out where they are 0.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

from hostler.core import deltas
from hostler.core.embeddings import EmbeddingReply, EmbeddingRequest
from hostler.core.messages import Reasoning, ToolCall, visible_text
from hostler.core.requests import Asked, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled, UpstreamRefused
from hostler.wire import fields, openai_errors
from hostler.wire.call_arguments import as_object
from hostler.wire.codec import Encoded
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.fields import as_count, as_items, as_members, as_text, need_items, need_text
from hostler.wire.ids import made_call_id
from hostler.wire.losses import lost_of_reply, lost_of_sources
from hostler.wire.ollama.request import HISTORY, Json
from hostler.wire.quoting import one_line
from hostler.wire.think_tags import TagSplitter

_FROM_WIRE: Final[Mapping[str, FinishReason]] = {
    "": "stop", "stop": "stop", "load": "stop", "unload": "stop", "length": "length", "tool_calls": "tool_calls",
    "content_filter": "content_filter", "refusal": "refusal", "error": "error",
}  # fmt: skip
"""A free word: servers say stop and length, old ones nothing, and clients pass over what they do not know."""
_TO_WIRE: Final[Mapping[FinishReason, str]] = {
    "length": "length", "context": "length", "content_filter": "content_filter", "refusal": "refusal",
}  # fmt: skip
_NOT_READ: Final = ("model", "input", "prompt", "dimensions")


class _Function(Struct, gc=False):
    name: object = None
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _Call(Struct, gc=False):
    id: object = None
    function: _Function | None = None


class _Message(Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class Frame(Struct, gc=False):
    """One object: a whole reply, or a piece of a streamed one; chat has a message, generate its two texts."""

    model: object = None
    created_at: object = None
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: object = None
    eval_count: object = None
    error: object = None


decode_frame = msgspec.json.Decoder(Frame).decode


class FrameReader:
    """Turns frames into deltas, for one reply; thinking may open its text in tags of these names."""

    def __init__(self, tags: tuple[str, ...] = ()) -> None:
        self.finished = False
        self._tags = TagSplitter(tags) if tags else None
        self._started = False
        self._reply = ""  # model and time, which tell it apart: replies have no ids here
        self._slots = 0

    def take(self, frame: Frame, data: bytes, out: list[deltas.Delta]) -> None:  # signature: hot path
        """Add the deltas of one frame; `data` is its bytes. Raises UpstreamRefused for an error in it."""
        if frame.error is not None:
            raise refused_in_band(data)
        if not self._started:
            self._started = True
            self._reply = f"{frame.model} {frame.created_at}" if frame.created_at else ""
            out.append(deltas.Started("", as_text(frame.model)))
        message = frame.message
        thinking = frame.thinking if message is None else message.thinking
        text = frame.response if message is None else message.content
        calls = frame.tool_calls if message is None else message.tool_calls
        if thinking:
            out.append(deltas.ReasoningDelta(thinking))
        if text:
            if self._tags is None:
                out.append(deltas.TextDelta(text))
            else:
                self._take_tagged(self._tags.feed(text), out)
        if calls:
            self._seal(out)
            for call in calls:
                self._take_call(call, out)
        if frame.done:
            self._finish(frame, out)

    def _take_tagged(self, pieces: list[tuple[bool, str]], out: list[deltas.Delta]) -> None:
        for is_thinking, piece in pieces:
            out.append(deltas.ReasoningDelta(piece) if is_thinking else deltas.TextDelta(piece))
        if self._tags is not None and self._tags.plain:
            self._tags = None

    def _seal(self, out: list[deltas.Delta]) -> None:
        """End the text at hand: what was held back of it is whole now."""
        if self._tags is not None:
            self._take_tagged(self._tags.flush(), out)

    def _take_call(self, call: _Call, out: list[deltas.Delta]) -> None:
        function = call.function or _Function()
        arguments = bytes(function.arguments)
        if arguments.startswith(b'"'):  # its text instead of the object
            text = msgspec.json.decode(arguments, type=str)
        else:
            text = "{}" if arguments == b"null" else arguments.decode()
        slot = self._slots
        self._slots += 1
        id_ = as_text(call.id) or made_call_id("", slot, content=self._reply or f"{function.name}{text}")
        out += (
            deltas.ToolCallStarted(slot, id_, as_text(function.name)),
            deltas.ToolCallDelta(slot, text),
            deltas.ToolCallEnded(slot),
        )

    def _finish(self, frame: Frame, out: list[deltas.Delta]) -> None:
        self.finished = True
        self._seal(out)
        raw = frame.done_reason or ""
        reason: FinishReason = _FROM_WIRE.get(raw, "unknown")
        if self._slots and reason in ("stop", "unknown"):
            reason = "tool_calls"
        out.append(deltas.Finished(reason, raw))
        usage = Usage(input=as_count(frame.prompt_eval_count), output=as_count(frame.eval_count))
        if usage.known:
            out.append(deltas.UsageDelta(usage))


def decode_response(body: bytes, dialect: Dialect = PLAIN) -> Reply:
    """The reply that an upstream gave, of either form; raises UpstreamGarbled when it is none.

    Raises UpstreamRefused for an error in a 200. Thoughts are within `eval_count`, and nobody says how many.
    """
    reader, out = FrameReader(dialect.reasoning_tags), list[deltas.Delta]()
    try:
        frame = decode_frame(body)
        reader.take(frame, body, out)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamGarbled(f"The upstream's reply cannot be read: {error}.") from error
    if frame.message is None and frame.response is None:
        raise UpstreamGarbled(f"The upstream's reply holds no message: {body[:200]!r}.")
    if not reader.finished:
        out.append(deltas.Finished("unknown"))
    return deltas.fold(out, HISTORY)


def encode_response(reply: Reply, asked: Asked) -> Encoded:
    """The reply to a chat. Raises UpstreamBroken for one that failed midway: it has no good form."""
    dropped: set[str] = set()
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    message: Json = {"role": "assistant", "content": visible_text(reply.parts), **_thinking(reply)}
    if calls:
        message["tool_calls"] = [write_call(call, slot, dropped=dropped) for slot, call in enumerate(calls)]
    return _whole(reply, asked, said={"message": message}, dropped=dropped)


def encode_prompt_response(reply: Reply, asked: Asked) -> Encoded:
    """The reply to a prompt; calls of tools have no place in it."""
    dropped = {"message.tool_calls"} if reply.tool_calls else set[str]()
    return _whole(reply, asked, said={"response": reply.text, **_thinking(reply)}, dropped=dropped)


def write_call(call: ToolCall, slot: int, *, dropped: set[str]) -> Json:
    """A call for a client, whole."""
    arguments = as_object(call, "message.tool_calls[].arguments", dropped=dropped)
    return {"id": call.id, "function": {"index": slot, "name": call.name, "arguments": arguments}}


def head(asked: Asked) -> Json:
    """What every piece of a reply begins with."""
    created = datetime.fromtimestamp(asked.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"model": asked.model, "created_at": created}


def tail(finish: FinishReason, raw: str, *, usage: Usage, asked: Asked) -> Json:
    """What the last piece ends with; our own count stands in for an unknown prompt."""
    word = raw if _FROM_WIRE.get(raw) == finish and raw else _TO_WIRE.get(finish, "stop")
    word = "stop" if word == "tool_calls" else word
    counts = {"prompt_eval_count": asked.prompt_of(usage), "eval_count": usage.completion_tokens}
    return {"done": True, "done_reason": word, **counts}


def _thinking(reply: Reply) -> Json:
    text = "".join(part.text for part in reply.parts if isinstance(part, Reasoning))
    return {"thinking": text} if text else {}


def _whole(reply: Reply, asked: Asked, *, said: Json, dropped: set[str]) -> Encoded:
    if reply.finish == "error":
        raise UpstreamBroken("The upstream failed while it was answering.")
    dropped |= lost_of_reply(reply) | lost_of_sources(reply.parts)
    body = head(asked) | said | tail(reply.finish, reply.raw_finish, usage=reply.usage, asked=asked)
    return Encoded(one_line(msgspec.json.encode(body)), tuple(sorted(dropped)))


def refused_in_band(data: bytes) -> UpstreamRefused:
    """An error inside a reply that began with status 200."""
    refused = openai_errors.error_of(as_members(msgspec.json.decode(data)))
    return refused or UpstreamRefused("The upstream broke off with an empty error.", status=502, body=data)


def encode_error(error: HostlerError, request_id: str) -> bytes:
    """The body of an error reply, and the line that ends a broken stream; ids have no place in it."""
    del request_id
    return one_line(msgspec.json.encode({"error": error.text}))


def decode_embeddings(body: bytes) -> EmbeddingRequest:
    """The texts of `/api/embed` (`input`), or the one of the older `/api/embeddings` (`prompt`). Raises WireError."""
    members = fields.parse_object(body)
    value = members.get("input", members.get("prompt"))
    items = [value] if isinstance(value, str) else need_items(value, "input")
    return EmbeddingRequest(
        model=need_text(members.get("model"), "model"),
        texts=tuple(need_text(item, f"input[{index}]") for index, item in enumerate(items)),
        dimensions=fields.whole_or_none(members, "dimensions") or None,
        extra={key: value for key, value in members.items() if key not in _NOT_READ and value is not None},
    )


def encode_embeddings(request: EmbeddingRequest) -> bytes:
    """The body for `/api/embed`."""
    body: Json = {"model": request.model, "input": request.texts, **request.extra}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return msgspec.json.encode(body)


def decode_embeddings_reply(body: bytes) -> EmbeddingReply:
    """The vectors of either operation; raises UpstreamGarbled when there are none."""
    try:
        members = as_members(msgspec.json.decode(body))
        said = as_items(members.get("embeddings")) or [members["embedding"]]
        vectors = msgspec.convert(said, tuple[tuple[float, ...], ...])
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamGarbled("The reply holds no embeddings.") from error
    usage = Usage(input=as_count(members.get("prompt_eval_count")))
    return EmbeddingReply(vectors=vectors, model=as_text(members.get("model")), usage=usage)


def encode_embeddings_reply(reply: EmbeddingReply, *, batch: bool, **form: object) -> bytes:
    """The vectors for a client of `/api/embed`, or the one for a client of the older `/api/embeddings`."""
    del form  # there is one only
    if not batch:
        return msgspec.json.encode({"embedding": reply.vectors[0] if reply.vectors else []})
    body: Json = {"model": reply.model, "embeddings": reply.vectors, "prompt_eval_count": reply.usage.prompt_tokens}
    return msgspec.json.encode(body)
