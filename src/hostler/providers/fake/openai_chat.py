"""Knows how OpenAI writes chat completions, and how others depart from it: whole replies, streams, errors inside them.

Written after the published API references; does not know requests (`openai_chat_requests`), scripts or delivery.
"""

import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from hostler.providers.fake.answer import Answer, AnswerCall
from hostler.providers.fake.asked import Fault
from hostler.providers.fake.frames import Frame, frame
from hostler.providers.fake.json_values import Json
from hostler.providers.fake.refusals import error_body
from hostler.providers.fake.script import Counts, Dialect

DONE: Final = Frame("[DONE]")
PING: Final = b": ping\n\n"
OVERLOADED: Final = ("server_error", "The server had an error while processing your request. Sorry about that!")
_FINISH: Final = {"refusal": "stop", "stop_sequence": "stop", "pause": "stop"}


def finish_reason(answer: Answer) -> str:
    """The wire's word for the end."""
    if answer.finish == "tool_calls" and answer.dialect.finish_calls == "stop":
        return "stop"
    return _FINISH.get(answer.finish, answer.finish)


def usage_object(usage: Counts, dialect: Dialect) -> Json:
    """Counts as this wire adds them up: cached tokens are part of the prompt, reasoning is part of the completion."""
    apart = dialect.counts == "apart"
    prompt = usage.input if apart else usage.prompt
    completion = usage.output if apart else usage.completion
    told: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    if dialect.counts == "hits":
        told["prompt_cache_hit_tokens"] = usage.cache_read
        told["prompt_cache_miss_tokens"] = usage.input + usage.cache_write
    return told


def whole(answer: Answer) -> Json:
    """The reply to a request without `stream`."""
    message = _message(answer)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(answer)}
    reply: Json = {**_head(answer, "chat.completion"), "choices": [choice]}
    if answer.framing.usage != "never":
        reply["usage"] = usage_object(answer.usage, answer.dialect) | answer.told_cost
    return reply


def stream(answer: Answer) -> Iterator[Frame]:
    """The reply to a request with `stream`, event by event."""
    said: list[Json] = [*_reasoning(answer), *({"content": piece} for piece in answer.text)]
    if answer.refusal:
        said.append({"refusal": answer.refusal})
    said += _calls(answer)
    yield _chunk(answer, {"role": "assistant", "content": "", "refusal": None}, sent=0.0)
    for number, delta in enumerate(said, 1):
        yield _chunk(answer, delta, sent=number / len(said), content=True)
    yield _chunk(answer, {}, sent=1.0, finish=finish_reason(answer))
    yield from _usage(answer)
    if answer.framing.done:
        yield DONE


def broken(fault: Fault, answer: Answer) -> Iterator[Frame]:
    """An error inside a stream: the error object as an event's data, and no end marker."""
    kind, message = OVERLOADED
    told = Fault(fault.message or message, fault.status, kind=fault.kind or kind, code=fault.code)
    yield frame(error_body("openai-chat", told, dialect=answer.dialect))


# ---------------------------------------------------------------------------- what is said


def _way(answer: Answer) -> str:
    return answer.framing.reasoning_field or answer.dialect.reasoning


def _message(answer: Answer) -> Json:
    text = "".join(answer.text)
    message: Json = {
        "role": "assistant",
        "content": text if text or not (answer.calls or answer.refusal) else None,
        "refusal": answer.refusal or None,
        "annotations": [],
    }
    if answer.reasoning:
        message |= _reasoned("".join(answer.reasoning), text, answer=answer)
    if answer.calls:
        message["tool_calls"] = [_call(call, answer.dialect) for call in answer.calls]
    return message


def _reasoned(reasoning: str, text: str, *, answer: Answer) -> Json:
    match way := _way(answer):
        case "hidden":
            return {}
        case "tags":
            return {"content": f"<think>\n{reasoning}\n</think>\n\n{text}"}
        case "chunks":
            return {"content": [_thinking(reasoning), {"type": "text", "text": text}]}
        case "reasoning_details":
            return {"reasoning": reasoning, way: [{**_detail(reasoning), "signature": answer.signature}]}
        case _:
            return {way: reasoning}


def _reasoning(answer: Answer) -> Iterator[Json]:
    """The deltas of reasoning, each in the dialect's way."""
    way = _way(answer)
    if not answer.reasoning or way == "hidden":
        return
    if way == "tags":
        for piece in ("<think>\n", *answer.reasoning, "\n</think>\n\n"):
            yield {"content": piece}
        return
    for piece in answer.reasoning:
        if way == "chunks":
            yield {"content": [_thinking(piece)]}
        elif way == "reasoning_details":
            yield {"reasoning": piece, way: [_detail(piece)]}
        else:
            yield {way: piece}
    if way == "reasoning_details":
        yield {way: [{**_detail(""), "signature": answer.signature}]}


def _thinking(text: str) -> Json:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _detail(text: str) -> Json:
    return {"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": 0}


def _call(call: AnswerCall, dialect: Dialect) -> Json:
    told: Json = {"type": "function", "function": {"name": call.name, "arguments": call.text}}
    if call.custom:
        told = {"type": "custom", "custom": {"name": call.name, "input": call.text}}
    return {**_id(call, dialect), **told}


def _calls(answer: Answer) -> Iterator[Json]:
    fragments = [list(_fragments(place, call, dialect=answer.dialect)) for place, call in enumerate(answer.calls)]
    rows = zip_longest(*fragments) if answer.interleave else fragments
    for row in rows:
        for delta in row:
            if delta is not None:
                yield {"tool_calls": [delta]}


def _fragments(place: int, call: AnswerCall, *, dialect: Dialect) -> Iterator[Json]:
    index: Json = {} if dialect.tool_index == "missing" else {"index": place if dialect.tool_index == "counted" else 0}
    if not dialect.fragments:
        yield {**index, **_call(call, dialect)}
        return
    kind, field = ("custom", "input") if call.custom else ("function", "arguments")
    yield {**index, **_id(call, dialect), "type": kind, kind: {"name": call.name, field: ""}}
    for piece in call.pieces:
        yield {**index, kind: {field: piece}}


def _id(call: AnswerCall, dialect: Dialect) -> Json:
    match dialect.tool_ids:
        case "missing":
            return {}
        case "nine":
            return {"id": hashlib.sha256(call.id.encode("utf-8", "surrogatepass")).hexdigest()[:9]}
        case "wire":
            return {"id": f"call_fake{call.id}" if call.id[:1].isdigit() else call.id}


# ---------------------------------------------------------------------------- chunks around it


def _head(answer: Answer, kind: str) -> Json:
    return {
        "id": f"chatcmpl-fake{answer.number}",
        "object": kind,
        "created": answer.created,
        "model": answer.asked.model,
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


def _chunk(answer: Answer, delta: Json, *, sent: float, finish: str | None = None, content: bool = False) -> Frame:
    """One chunk; `sent` is the part of all that is said that is out with it, from 0 to 1."""
    choice: Json = {"index": 0, "delta": delta, "logprobs": None}
    dialect = answer.dialect
    if finish is not None or dialect.finish_open != "absent":
        choice["finish_reason"] = finish or ("null" if dialect.finish_open == "string" else None)
    chunk: Json = {**_head(answer, "chat.completion.chunk"), "choices": [choice]}
    if dialect.running_usage:
        chunk["usage"] = usage_object(answer.usage.grown(sent), dialect)
    elif answer.framing.usage == "every":
        chunk["usage"] = usage_object(answer.usage, dialect)
    elif answer.asked.include_usage:
        chunk["usage"] = None
    return frame(chunk, content=content)


def _usage(answer: Answer) -> Iterator[Frame]:
    mode = answer.framing.usage
    if mode == "never" or not (answer.asked.include_usage or mode in ("unasked", "every")):
        return
    head: Json = {**_head(answer, "chat.completion.chunk"), "choices": []}
    for _ in range(2 if mode == "twice" else 1):
        yield frame({**head, "usage": usage_object(answer.usage, answer.dialect) | answer.told_cost})
