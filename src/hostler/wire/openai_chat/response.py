"""A whole chat completion, read into a `Reply` and written from one. Knows one reply; knows no streams.

Replies are read with tolerance, since servers depart from the published schema in many small ways.
"""

from hostler.core.messages import Part, Reasoning, Refusal, Text, ToolCall, visible_text
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.errors import UpstreamGarbled, WireError
from hostler.wire.codec import Encoded
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.fields import Members, as_items, as_members, as_text, parse_object
from hostler.wire.openai_chat.content_out import Json
from hostler.wire.openai_chat.counts import read_finish, read_timings, read_usage, write_finish, write_usage
from hostler.wire.openai_chat.messages_in import arguments_text, details_text
from hostler.wire.openai_errors import body_of, error_of


def decode_response(body: bytes, dialect: Dialect = PLAIN) -> Reply:
    """The first choice of a reply; raises UpstreamGarbled for what is none, UpstreamRefused for an error in a 200."""
    del dialect  # its readers take what every known server writes
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
    parts = read_message(as_members(choice.get("message")), id_)
    raw = as_text(choice.get("finish_reason"))
    finish = read_finish(raw, calls=_any(parts, ToolCall), refused=_any(parts, Refusal))
    usage = _usage(members)
    return Reply(id=id_, model=as_text(members.get("model")), parts=parts, finish=finish, raw_finish=raw, usage=usage)


def encode_response(reply: Reply, asked: Asked) -> Encoded:
    """The reply as this wire's clients expect it; opaque state has no place here and is named."""
    dropped: set[str] = set()
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    refusal = "".join(part.text for part in reply.parts if isinstance(part, Refusal)) or None
    text = visible_text(tuple(part for part in reply.parts if isinstance(part, Text)))
    message: Json = {"role": "assistant", "content": text or (None if calls or refusal else ""), "refusal": refusal}
    reasoning = [part for part in reply.parts if isinstance(part, Reasoning)]
    if any(part.text for part in reasoning):
        message["reasoning_content"] = "".join(part.text for part in reasoning)
    if any(part.opaque is not None for part in reasoning):
        dropped.add("message.reasoning.opaque")
    if any(isinstance(part, Text) and part.opaque is not None for part in reply.parts):
        dropped.add("message.content[]")
    if calls:
        message["tool_calls"] = [write_call(call) for call in calls]
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


def read_message(message: Members, reply: str) -> tuple[Part, ...]:
    """A reply's message: reasoning, text, refusal, calls. `reply` is its id, out of which missing call ids are made."""
    reasoning, text = split_content(message.get("content"))
    reasoning = reasoning_text(message) or reasoning
    parts: list[Part] = []
    details = as_items(message.get("reasoning_details"))
    if reasoning or details:
        parts.append(Reasoning(text=reasoning, opaque=body_of(details) if details else None))
    if text:
        parts.append(Text(text=text))
    refusal = as_text(message.get("refusal"))
    if refusal:
        parts.append(Refusal(text=refusal))
    calls = [as_members(item) for item in as_items(message.get("tool_calls"))]
    legacy = as_members(message.get("function_call"))
    if legacy:
        calls.append({"function": legacy})
    parts += [_read_call(call, made_id(reply, slot)) for slot, call in enumerate(calls)]
    return tuple(parts)


def reasoning_text(message: Members) -> str:
    """Readable thinking of a message or a delta, by whichever name it goes; the first one counts."""
    return (
        as_text(message.get("reasoning_content"))
        or as_text(message.get("reasoning"))
        or details_text(message.get("reasoning_details"))
    )


def split_content(content: object) -> tuple[str, str]:
    """Thinking and text of `content`, which Mistral gives as a list of chunks, some of them thinking."""
    if isinstance(content, str):
        return "", content
    thinking: list[str] = []
    text: list[str] = []
    for item in as_items(content):
        chunk = as_members(item)
        if chunk.get("type") == "thinking":
            inner = chunk.get("thinking")
            thinking += (
                [inner] if isinstance(inner, str) else [as_text(as_members(x).get("text")) for x in as_items(inner)]
            )
        else:
            text.append(as_text(chunk.get("text")))
    return "".join(thinking), "".join(text)


def made_id(reply: str, slot: int) -> str:
    """An id for a call that came without one: unique within a conversation, the same for the same reply."""
    return f"call_{reply.removeprefix('chatcmpl-')[-40:]}_{slot}"


def _read_call(call: Members, default_id: str) -> ToolCall:
    id_ = as_text(call.get("id")) or default_id
    custom = as_members(call.get("custom"))
    if custom:
        return ToolCall(id=id_, name=as_text(custom.get("name")), arguments=as_text(custom.get("input")), custom=True)
    function = as_members(call.get("function"))
    return ToolCall(id=id_, name=as_text(function.get("name")), arguments=arguments_text(function.get("arguments")))


def _usage(members: Members) -> Usage:
    said = as_members(members.get("usage"))
    return read_usage(said) if said else read_timings(as_members(members.get("timings")))


def _any(parts: tuple[Part, ...], kind: type[Part]) -> bool:
    return any(isinstance(part, kind) for part in parts)
