"""Knows how OpenAI writes chat completions: whole replies, streams, errors inside a stream.

Written after the published API reference; does not know requests (`openai_chat_requests`), scripts or delivery.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from hostler.providers.fake.answer import Answer, AnswerCall
from hostler.providers.fake.asked import Fault
from hostler.providers.fake.frames import Frame, frame
from hostler.providers.fake.json_values import Json
from hostler.providers.fake.refusals import error_body
from hostler.providers.fake.script import Counts

DONE: Final = Frame("[DONE]")
PING: Final = b": ping\n\n"
OVERLOADED: Final = ("server_error", "The server had an error while processing your request. Sorry about that!")
_FINISH: Final = {"refusal": "stop", "stop_sequence": "stop", "pause": "stop"}


def finish_reason(answer: Answer) -> str:
    """The wire's word for the end."""
    return _FINISH.get(answer.finish, answer.finish)


def usage_object(usage: Counts) -> Json:
    """Counts as this wire adds them up: cached tokens are part of the prompt, reasoning is part of the completion."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
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


def whole(answer: Answer) -> Json:
    """The reply to a request without `stream`."""
    text = "".join(answer.text)
    message: Json = {
        "role": "assistant",
        "content": text if text or not (answer.calls or answer.refusal) else None,
        "refusal": answer.refusal or None,
        "annotations": [],
    }
    if answer.reasoning:
        message[answer.framing.reasoning_field] = "".join(answer.reasoning)
    if answer.calls:
        message["tool_calls"] = [
            {"id": _call_id(call), "type": "function", "function": {"name": call.name, "arguments": call.text}}
            for call in answer.calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(answer)}
    reply: Json = {**_head(answer, "chat.completion"), "choices": [choice]}
    if answer.framing.usage != "never":
        reply["usage"] = usage_object(answer.usage)
    return reply


def stream(answer: Answer) -> Iterator[Frame]:
    """The reply to a request with `stream`, event by event."""
    yield _chunk(answer, {"role": "assistant", "content": "", "refusal": None})
    for piece in answer.reasoning:
        yield _chunk(answer, {answer.framing.reasoning_field: piece}, content=True)
    for piece in answer.text:
        yield _chunk(answer, {"content": piece}, content=True)
    if answer.refusal:
        yield _chunk(answer, {"refusal": answer.refusal}, content=True)
    yield from _calls(answer)
    yield _chunk(answer, {}, finish=finish_reason(answer))
    yield from _usage(answer)
    if answer.framing.done:
        yield DONE


def broken(fault: Fault) -> Iterator[Frame]:
    """An error inside a stream: the error object as an event's data, and no end marker."""
    kind, message = OVERLOADED
    told = Fault(fault.message or message, fault.status, kind=fault.kind or kind, code=fault.code)
    yield frame(error_body("openai-chat", told))


def _head(answer: Answer, kind: str) -> Json:
    return {
        "id": f"chatcmpl-fake{answer.number}",
        "object": kind,
        "created": answer.created,
        "model": answer.asked.model,
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


def _chunk(answer: Answer, delta: Json, *, finish: str | None = None, content: bool = False) -> Frame:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk: Json = {**_head(answer, "chat.completion.chunk"), "choices": [choice]}
    if answer.framing.usage == "every":
        chunk["usage"] = usage_object(answer.usage)
    elif answer.asked.include_usage:
        chunk["usage"] = None
    return frame(chunk, content=content)


def _calls(answer: Answer) -> Iterator[Frame]:
    fragments = [list(_fragments(place, call)) for place, call in enumerate(answer.calls)]
    rows = zip_longest(*fragments) if answer.interleave else fragments
    for row in rows:
        for delta in row:
            if delta is not None:
                yield _chunk(answer, {"tool_calls": [delta]}, content=True)


def _fragments(place: int, call: AnswerCall) -> Iterator[Json]:
    opening = {"name": call.name, "arguments": ""}
    yield {"index": place, "id": _call_id(call), "type": "function", "function": opening}
    for piece in call.pieces:
        yield {"index": place, "function": {"arguments": piece}}


def _call_id(call: AnswerCall) -> str:
    return f"call_fake{call.id}" if call.id[:1].isdigit() else call.id


def _usage(answer: Answer) -> Iterator[Frame]:
    mode = answer.framing.usage
    if mode == "never" or not (answer.asked.include_usage or mode in ("unasked", "every")):
        return
    last: Json = {**_head(answer, "chat.completion.chunk"), "choices": [], "usage": usage_object(answer.usage)}
    for _ in range(2 if mode == "twice" else 1):
        yield frame(last)
