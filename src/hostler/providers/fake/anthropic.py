"""Knows how Anthropic writes messages: whole replies, streams of named events, errors inside a stream.

Written after the published API reference; does not know requests (`anthropic_requests`), scripts or delivery.
"""

from collections.abc import Iterator
from typing import Final

from hostler.providers.fake.answer import Answer, AnswerCall
from hostler.providers.fake.anthropic_thinking import bound_signature
from hostler.providers.fake.asked import Fault
from hostler.providers.fake.frames import Frame, frame
from hostler.providers.fake.json_values import Json, array_at, object_at, objects_of
from hostler.providers.fake.refusals import error_body
from hostler.providers.fake.script import Counts

PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
_STOP: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}


def stop_reason(answer: Answer) -> str:
    """The wire's word for the end."""
    return _STOP.get(answer.finish, answer.finish)


def usage_object(usage: Counts) -> Json:
    """Counts as this wire reports them: `input_tokens` leaves out what the cache gave or took."""
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
    }


def whole(answer: Answer) -> Json:
    """The reply to a request without `stream`."""
    blocks: list[Json] = []
    if answer.reasoning:
        thought = "" if _omitted(answer) else "".join(answer.reasoning)
        blocks.append({"type": "thinking", "thinking": thought, "signature": _signature(answer)})
    if answer.redacted:
        blocks.append({"type": "redacted_thinking", "data": answer.redacted})
    if text := "".join(answer.text) or answer.refusal:
        blocks.append({"type": "text", "text": text})
    blocks.extend(_tool_use(call) for call in answer.calls)
    reply: Json = {**_head(answer), "content": blocks, "stop_reason": stop_reason(answer)}
    reply["stop_sequence"] = _sequence(answer)
    if answer.framing.usage != "never":
        reply["usage"] = usage_object(answer.usage)
    return reply


def stream(answer: Answer) -> Iterator[Frame]:
    """The reply to a request with `stream`, event by event."""
    usage = {} if answer.framing.usage == "never" else {"usage": {**usage_object(answer.usage), "output_tokens": 1}}
    opening: Json = {**_head(answer), "content": [], "stop_reason": None, "stop_sequence": None, **usage}
    yield _event("message_start", {"message": opening})
    place = -1
    for place, block in enumerate(_spoken(answer)):
        yield from block_frames(place, block)
    yield from _calls(answer, place + 1)
    yield from _ending(answer)
    if answer.framing.done:
        yield _event("message_stop", {})


def broken(fault: Fault, _: Answer) -> Iterator[Frame]:
    """An error inside a stream: an event of its own, and nothing behind it."""
    told = Fault(fault.message or "Overloaded", fault.status, kind=fault.kind or "overloaded_error")
    yield frame(error_body("anthropic", told, request_id="req_fake"), "error")


Block = tuple[Json, list[Json]]
"""A content block as it opens, and its deltas."""


def block_frames(place: int, block: Block) -> Iterator[Frame]:
    """One content block from its start to its stop."""
    start, deltas = block
    yield _event("content_block_start", {"index": place, "content_block": start})
    for delta in deltas:
        yield _delta(place, delta)
    yield _event("content_block_stop", {"index": place})


def _delta(place: int, delta: Json) -> Frame:
    content = delta["type"] != "signature_delta"
    return _event("content_block_delta", {"index": place, "delta": delta}, content=content)


def _spoken(answer: Answer) -> Iterator[Block]:
    if answer.reasoning:
        shown = () if _omitted(answer) else answer.reasoning
        deltas: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in shown]
        deltas.append({"type": "signature_delta", "signature": _signature(answer)})
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if answer.redacted:
        yield {"type": "redacted_thinking", "data": answer.redacted}, []
    text = answer.text or ((answer.refusal,) if answer.refusal else ())
    if text:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in text]


def _omitted(answer: Answer) -> bool:
    """Whether the text of reasoning was not asked for; its signature comes all the same."""
    return object_at(answer.asked.body, "thinking").get("display") == "omitted"


def _signature(answer: Answer) -> str:
    body = answer.asked.body
    if answer.scripted_signature or not answer.dialect.bound:
        return answer.signature
    return bound_signature("".join(answer.reasoning), body, messages=objects_of(body.get("messages")))


def _tool_use(call: AnswerCall) -> Json:
    return {"type": "tool_use", "id": _call_id(call), "name": call.name, "input": call.arguments}


def _called(call: AnswerCall) -> Block:
    start: Json = {"type": "tool_use", "id": _call_id(call), "name": call.name, "input": {}}
    pieces = ("", *call.pieces) if call.text != "{}" else ("",)  # without arguments one empty fragment comes
    return start, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def _calls(answer: Answer, first: int) -> Iterator[Frame]:
    blocks = [(place, _called(call)) for place, call in enumerate(answer.calls, first)]
    if not answer.interleave:
        for place, block in blocks:
            yield from block_frames(place, block)
        return
    for place, (start, _) in blocks:
        yield _event("content_block_start", {"index": place, "content_block": start})
    for turn in range(max((len(deltas) for _, (_, deltas) in blocks), default=0)):
        for place, (_, deltas) in blocks:
            if turn < len(deltas):
                yield _delta(place, deltas[turn])
    for place, _ in blocks:
        yield _event("content_block_stop", {"index": place})


def _ending(answer: Answer) -> Iterator[Frame]:
    delta: Json = {"stop_reason": stop_reason(answer), "stop_sequence": _sequence(answer)}
    last: Json = {"delta": delta}
    mode = answer.framing.usage
    if mode != "never":
        counts = usage_object(answer.usage)
        last["usage"] = {name: counts[name] for name in counts if name not in ("cache_creation", "service_tier")}
    for _ in range(2 if mode == "twice" else 1):
        yield _event("message_delta", last)


def _head(answer: Answer) -> Json:
    return {
        "id": f"msg_fake{answer.number}",
        "type": "message",
        "role": "assistant",
        "model": answer.asked.model,
    }


def _sequence(answer: Answer) -> str | None:
    if answer.finish != "stop_sequence":
        return None
    return next((str(sequence) for sequence in array_at(answer.asked.body, "stop_sequences")), "STOP")


def _call_id(call: AnswerCall) -> str:
    return f"toolu_fake{call.id}" if call.id[:1].isdigit() else call.id


def _event(kind: str, fields: Json, *, content: bool = False) -> Frame:
    return frame({"type": kind, **fields}, kind, content=content)
