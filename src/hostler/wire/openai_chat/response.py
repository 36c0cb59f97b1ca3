"""A whole chat completion, read into a `Reply` and written from one. Knows one reply; knows no streams.

Replies are read with tolerance, since servers depart from the published schema in many small ways.
"""

import msgspec

from hostler.core.messages import Part, Reasoning, Refusal, Text, ToolCall, visible_text
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.errors import UpstreamGarbled, WireError
from hostler.wire.codec import Encoded
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.fields import Members, as_items, as_members, as_text, parse_object
from hostler.wire.ids import made_call_id
from hostler.wire.losses import REASONING, lost_of_reply
from hostler.wire.openai_chat.citations import cited_in, sources_of, with_citations, write_citations
from hostler.wire.openai_chat.content_out import Json
from hostler.wire.openai_chat.counts import read_finish, read_stop, read_usage, with_timings, write_finish, write_usage
from hostler.wire.openai_chat.messages_in import arguments_text, chunk_thinking, details_text, extra_of, signed_chunk
from hostler.wire.openai_errors import body_of, error_of
from hostler.wire.think_tags import split_tags


def decode_response(body: bytes, dialect: Dialect = PLAIN) -> Reply:
    """The first choice of a reply; raises UpstreamGarbled for what is none, UpstreamRefused for an error in a 200."""
    try:
        members = parse_object(body)
    except WireError as error:
        raise UpstreamGarbled(f"The upstream's reply is not a JSON object: {body[:200]!r}.") from error
    refused = error_of(members)
    if refused is not None:
        raise refused
    choices = as_items(members.get("choices"))
    if not choices:
        raise UpstreamGarbled(f"The upstream's reply holds no choice: {body[:200]!r}.")
    choice = as_members(choices[0])
    id_ = as_text(members.get("id"))
    details = _raw_details(body) if b'"reasoning_details"' in body else None
    parts = read_message(as_members(choice.get("message")), id_, tags=dialect.reasoning_tags, details=details)
    parts = with_citations(parts, [*cited_in(as_members(choice.get("message"))), *sources_of(members)])
    raw = as_text(choice.get("finish_reason"))
    stop = read_stop(raw, choice.get("stop_reason") or choice.get("matched_stop"))
    return Reply(
        id=id_,
        model=as_text(members.get("model")),
        parts=parts,
        finish=read_finish(raw, calls=_any(parts, ToolCall), refused=_any(parts, Refusal), stopped=stop is not None),
        raw_finish=raw,
        stop_sequence=stop,
        usage=_usage(members),
    )


def encode_response(reply: Reply, asked: Asked) -> Encoded:
    """The reply as this wire's clients expect it; opaque state has no place here and is named."""
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    refusal = "".join(part.text for part in reply.parts if isinstance(part, Refusal)) or None
    text = visible_text(tuple(part for part in reply.parts if isinstance(part, Text)))
    message: Json = {"role": "assistant", "content": text or (None if calls or refusal else ""), "refusal": refusal}
    reasoning = [part for part in reply.parts if isinstance(part, Reasoning)]
    if any(part.text for part in reasoning):
        message["reasoning_content"] = "".join(part.text for part in reasoning)
    blocks = [part.opaque for part in reasoning if part.opaque is not None]
    details = [block for block in blocks if is_details(block)]
    if details:
        message["reasoning_details"] = joined_details(details)
    if calls:
        message["tool_calls"] = [write_call(call) for call in calls]
    annotations = write_citations(reply.parts)
    if annotations:
        message["annotations"] = annotations
    dropped = lost_of_reply(reply)
    if len(details) == len(blocks):  # all of it goes
        dropped -= {REASONING}
    finish = write_finish(reply.finish, calls=bool(calls), refused=refusal is not None)
    body: Json = {
        "id": reply_id(asked),
        "object": "chat.completion",
        "created": asked.created,
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": write_usage(reply.usage, asked),
    }
    return Encoded(body_of(body), tuple(sorted(dropped)))


def reply_id(asked: Asked) -> str:
    """Our id of a reply, in this wire's form."""
    return asked.id if asked.id.startswith("chatcmpl-") else f"chatcmpl-{asked.id}"


def write_call(call: ToolCall) -> Json:
    """One entry of a reply's `tool_calls`."""
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}


def read_message(
    message: Members, reply: str, *, tags: tuple[str, ...] = (), details: bytes | None = None
) -> tuple[Part, ...]:
    """A reply's message: reasoning, text, refusal, calls. `reply` is its id, out of which missing call ids are made.

    `details` are the bytes of its `reasoning_details`.
    """
    parts: list[Part] = []
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    thought = reasoning_text(message)
    if tags and text:
        tagged, text = split_tags(text, tags)
        thought = thought or tagged
    if details is None and as_items(message.get("reasoning_details")):
        details = body_of(message["reasoning_details"])
    if thought or details:
        parts.append(Reasoning(text=thought, opaque=details))
    if text:
        parts.append(Text(text=text))
    parts += read_chunks(content)
    refusal = as_text(message.get("refusal"))
    if refusal:
        parts.append(Refusal(text=refusal))
    calls = [as_members(item) for item in as_items(message.get("tool_calls"))]
    legacy = as_members(message.get("function_call"))
    if legacy:
        calls.append({"function": legacy})
    parts += [_read_call(call, made_call_id(reply, slot)) for slot, call in enumerate(calls)]
    return tuple(parts)


def is_details(opaque: bytes) -> bool:
    """Whether an opaque block is this wire's `reasoning_details`: no other wire's is an array."""
    return opaque.startswith(b"[")


def joined_details(blocks: list[bytes]) -> msgspec.Raw:
    """Several `reasoning_details` as one, with each entry's bytes as they were."""
    if len(blocks) == 1:
        return msgspec.Raw(blocks[0])
    entries = [entry for block in blocks for entry in msgspec.json.decode(block, type=list[msgspec.Raw])]
    return msgspec.Raw(msgspec.json.encode(entries))


def reasoning_text(message: Members) -> str:
    """Readable thinking of a message or a delta, by whichever name it goes; the first one counts."""
    text = as_text(message.get("reasoning_content")) or as_text(message.get("reasoning"))
    return text or (details_text(message["reasoning_details"]) if "reasoning_details" in message else "")


def read_chunks(content: object) -> list[Part]:
    """The parts of content that is a list of chunks, as Mistral's is: thinking, which may be signed, and text."""
    parts: list[Part] = []
    for item in as_items(content):
        chunk = as_members(item)
        last = parts[-1] if parts else None
        if chunk.get("type") == "thinking":
            thinking = chunk_thinking(chunk)
            signature = as_text(chunk.get("signature"))
            if signature:
                parts.append(Reasoning(text=thinking, opaque=signed_chunk(thinking, signature)))
            elif isinstance(last, Reasoning) and last.opaque is None:
                parts[-1] = Reasoning(text=last.text + thinking)
            elif thinking:
                parts.append(Reasoning(text=thinking))
            continue
        text = as_text(chunk.get("text"))
        if isinstance(last, Text):
            parts[-1] = Text(text=last.text + text)
        elif text:
            parts.append(Text(text=text))
    return parts


def _read_call(call: Members, default_id: str) -> ToolCall:
    id_ = as_text(call.get("id")) or default_id
    custom = as_members(call.get("custom"))
    if custom:
        return ToolCall(id=id_, name=as_text(custom.get("name")), arguments=as_text(custom.get("input")), custom=True)
    function = as_members(call.get("function"))
    arguments = arguments_text(function.get("arguments"))
    return ToolCall(id=id_, name=as_text(function.get("name")), arguments=arguments, opaque=extra_of(call))


class _RawMessage(msgspec.Struct):
    reasoning_details: msgspec.Raw = msgspec.Raw()


class _RawChoice(msgspec.Struct):
    message: _RawMessage | None = None


class _RawReply(msgspec.Struct):
    choices: list[_RawChoice]


_decode_raw = msgspec.json.Decoder(_RawReply).decode


def _raw_details(body: bytes) -> bytes | None:
    """The first choice's `reasoning_details`, byte for byte."""
    try:
        message = _decode_raw(body).choices[0].message
    except msgspec.ValidationError:  # no object where one should be: the reader passes over it
        return None
    raw = bytes(message.reasoning_details) if message is not None else b""
    return raw if is_details(raw) and raw != b"[]" else None


def _usage(members: Members) -> Usage:
    return with_timings(read_usage(as_members(members.get("usage"))), as_members(members.get("timings")))


def _any(parts: tuple[Part, ...], kind: type[Part]) -> bool:
    return any(isinstance(part, kind) for part in parts)
