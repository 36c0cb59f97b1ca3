"""Whole replies of this wire, both ways. Knows the message object; does not know streams or requests."""

from dataclasses import replace

import msgspec

from hostler.core.messages import Refusal, Text, ToolCall
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.errors import UpstreamBroken, UpstreamGarbled, WireError
from hostler.wire.anthropic.content_decode import Notes, decode_content
from hostler.wire.anthropic.content_encode import BlockEncoder
from hostler.wire.anthropic.vocabulary import (
    StopDetails,
    WireUsage,
    finish_to_core,
    finish_to_wire,
    made_call_id,
    stop_details,
    usage_to_core,
    usage_to_wire,
)
from hostler.wire.codec import Encoded
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.fields import parse
from hostler.wire.ids import ToolIds


class _Message(msgspec.Struct):
    content: msgspec.Raw
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None


class _TokenCount(msgspec.Struct):
    input_tokens: int


def decode_response(body: bytes, dialect: Dialect = PLAIN) -> Reply:
    """The reply that an upstream gave; raises UpstreamGarbled when it is no message of this wire."""
    del dialect  # nobody departs from this wire in replies
    try:
        message = parse(body, _Message, path="reply")
        parts = decode_content(message.content, "content", notes=Notes())
    except WireError as error:
        raise UpstreamGarbled(f"The reply is no message of its wire: {error.message}.") from error
    raw = message.stop_reason or ""
    details = message.stop_details or StopDetails()
    told = next((part.text for part in reversed(parts) if isinstance(part, Text)), "")
    if details.explanation and finish_to_core(raw) == "refusal" and not told.endswith(details.explanation):
        parts = (*parts, Refusal(text=details.explanation))
    return Reply(
        id=message.id,
        model=message.model,
        parts=parts,
        finish=finish_to_core(raw),
        raw_finish=raw,
        stop_sequence=message.stop_sequence,
        finish_detail=details.category or "",
        usage=Usage() if message.usage is None else usage_to_core(message.usage),
    )


def encode_response(reply: Reply, asked: Asked) -> Encoded:
    """The message object for a client. Raises UpstreamBroken for a reply that failed midway: it has no good form."""
    if reply.finish == "error":
        raise UpstreamBroken("The upstream failed while it was answering.")
    encoder = BlockEncoder(ToolIds(Dialect().tool_id_pattern), replies=True)
    parts = tuple(
        replace(part, id=made_call_id(asked, slot)) if isinstance(part, ToolCall) and not part.id else part
        for slot, part in enumerate(reply.parts)
    )
    content = encoder.encode(parts, "content")
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    reason = finish_to_wire(reply.finish, reply.raw_finish, has_calls=has_calls)
    explanation = "".join(part.text for part in parts if isinstance(part, Refusal))
    body: dict[str, object] = {
        "id": f"msg_{asked.id}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": reply.stop_sequence,
        **stop_details(reason, reply.finish_detail, explanation=explanation),
        "usage": usage_to_wire(reply.usage),
    }
    return Encoded(msgspec.json.encode(body), tuple(sorted(encoder.dropped)))


def decode_count_tokens_reply(body: bytes) -> int:
    """The count that an upstream gave; raises UpstreamGarbled when there is none."""
    try:
        return parse(body, _TokenCount, path="reply").input_tokens
    except WireError as error:
        raise UpstreamGarbled(f"The reply is no token count: {error.message}.") from error


def encode_count_tokens_reply(tokens: int) -> bytes:
    """The reply to a count, for a client."""
    return msgspec.json.encode({"input_tokens": tokens})
