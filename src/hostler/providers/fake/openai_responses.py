"""Knows how OpenAI writes responses: whole objects, streams of numbered events, errors inside a stream.

Written after the published API reference; does not know requests (`openai_responses_requests`), scripts or delivery.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from hostler.providers.fake.answer import Answer, AnswerCall
from hostler.providers.fake.asked import Fault
from hostler.providers.fake.frames import Frame, frame
from hostler.providers.fake.json_values import Json, array_at, is_object, object_at, text_at
from hostler.providers.fake.script import Counts

PING: Final = b": ping\n\n"
OVERLOADED: Final = "The server had an error while processing your request. Sorry about that!"
_CUT_SHORT: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_PARTS: Final = {
    "summary_text": ("reasoning_summary_text", "text"),
    "output_text": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
}
_ECHOED: Final[Json] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
}
_CALLS: Final = ("function_call", "custom_tool_call")

Item = tuple[Json, tuple[str, ...]]
"""An item of the output as it is when it is done, and the pieces in which it comes."""


def response_id(answer: Answer) -> str:
    """The id under which the answer may be continued."""
    return f"resp_fake{answer.number}"


def usage_object(usage: Counts) -> Json:
    """Counts as this wire adds them up: the cache is part of the input, reasoning is part of the output."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }


def whole(answer: Answer) -> Json:
    """The reply to a request without `stream`."""
    return _response(answer, _final_status(answer), items=output(answer))


def output(answer: Answer) -> list[Json]:
    """The items that it says, as they are kept for a later turn."""
    return [item for item, _ in _items(answer)]


def stream(answer: Answer) -> Iterator[Frame]:
    """The reply to a request with `stream`, event by event."""
    yield _event("response.created", {"response": _response(answer, "in_progress", items=[])})
    yield _event("response.in_progress", {"response": _response(answer, "in_progress", items=[])})
    items = list(enumerate(_items(answer)))
    turns = [row for row in items if answer.interleave and row[1][0]["type"] in _CALLS]
    for place, (item, pieces) in items[: len(items) - len(turns)]:
        yield _opened(place, item)
        yield from _grown(place, item, pieces=pieces)
        yield _closed(place, item)
    yield from _interleaved(turns)
    status = _final_status(answer)
    if answer.framing.done:
        yield _event(f"response.{status}", {"response": _response(answer, status, items=output(answer))})


def broken(fault: Fault, answer: Answer) -> Iterator[Frame]:
    """An error inside a stream: an error event, then the end of the response as failed."""
    code, message = fault.kind or "server_error", fault.message or OVERLOADED
    yield _event("error", {"code": code, "message": message, "param": None})
    nothing: list[Json] = []
    head: Json = {
        **_ECHOED,
        "id": "resp_fake",
        "object": "response",
        "created_at": 0,
        "model": answer.asked.model,
        "output": nothing,
    }
    failed: Json = head | {"status": "failed", "error": {"code": code, "message": message}, "incomplete_details": None}
    yield _event("response.failed", {"response": failed})


# ---------------------------------------------------------------------------- items


def _items(answer: Answer) -> Iterator[Item]:
    number = answer.number
    if answer.reasoning:
        text = "".join(answer.reasoning)
        shown = [{"type": "summary_text", "text": text}] if _shows(answer) else []
        item: Json = {"id": f"rs_fake{number}", "type": "reasoning", "summary": shown}
        yield {**item, "encrypted_content": answer.signature}, answer.reasoning
    spoken = "".join(answer.text)
    if spoken or answer.refusal or not (answer.calls or answer.reasoning):
        content: list[Json] = []
        if spoken or not answer.refusal:
            content.append({"type": "output_text", "text": spoken, "annotations": [], "logprobs": []})
        if answer.refusal:
            content.append({"type": "refusal", "refusal": answer.refusal})
        head: Json = {"id": f"msg_fake{number}", "type": "message", "role": "assistant"}
        phase = "commentary" if answer.calls else "final_answer"
        status = "incomplete" if answer.finish in _CUT_SHORT else "completed"
        yield {**head, "status": status, "phase": phase, "content": content}, answer.text
    for place, call in enumerate(answer.calls):
        yield _call_item(call, f"{number}_{place}"), call.pieces


def _call_item(call: AnswerCall, number: str) -> Json:
    call_id = f"call_fake{call.id}" if call.id[:1].isdigit() else call.id
    space: Json = {"namespace": call.tool.namespace} if call.tool and call.tool.namespace else {}
    named: Json = {"call_id": call_id, "name": call.name, **space}
    if call.custom:
        return {"id": f"ctc_fake{number}", "type": "custom_tool_call", "input": call.text, **named}
    return {"id": f"fc_fake{number}", "type": "function_call", "arguments": call.text, **named, "status": "completed"}


def _shows(answer: Answer) -> bool:
    if answer.dialect.summaries == "always":
        return True
    wanted = object_at(answer.asked.body, "reasoning")
    return (wanted.get("summary") or wanted.get("generate_summary")) is not None


# ---------------------------------------------------------------------------- events


def _opened(place: int, item: Json) -> Frame:
    """An item begins empty; what is encrypted is not whole yet."""
    empty: Json = {**item}
    for name in ("summary", "content", "arguments", "input"):
        if name in item:
            empty[name] = "" if isinstance(item[name], str) else list[Json]()
    if "encrypted_content" in item:
        empty["encrypted_content"] = text_at(item, "encrypted_content")[:8]
    if "status" in item:
        empty["status"] = "in_progress"
    return _event("response.output_item.added", {"output_index": place, "item": empty})


def _closed(place: int, item: Json) -> Frame:
    return _event("response.output_item.done", {"output_index": place, "item": item})


def _grown(place: int, item: Json, *, pieces: tuple[str, ...]) -> Iterator[Frame]:
    where: Json = {"item_id": item["id"], "output_index": place}
    if item["type"] in _CALLS:
        yield from _arguments(item, where, pieces=pieces)
    for name, index, kind in (
        ("summary", "summary_index", "reasoning_summary"),
        ("content", "content_index", "content"),
    ):
        for number, part in enumerate(array_at(item, name)):
            if is_object(part):
                yield from _part(kind, part, where={**where, index: number}, pieces=pieces)


def _part(kind: str, part: Json, *, where: Json, pieces: tuple[str, ...]) -> Iterator[Frame]:
    name, field = _PARTS[text_at(part, "type")]
    text = text_at(part, field)
    extra: Json = {"logprobs": []} if name == "output_text" else {}
    yield _event(f"response.{kind}_part.added", {**where, "part": {**part, field: ""}})
    for piece in pieces if field == "text" else (text,):
        yield _event(f"response.{name}.delta", {**where, "delta": piece, **extra}, content=True)
    yield _event(f"response.{name}.done", {**where, field: text, **extra})
    yield _event(f"response.{kind}_part.done", {**where, "part": part})


def _arguments(item: Json, where: Json, *, pieces: tuple[str, ...]) -> Iterator[Frame]:
    name, field = _call_words(item)
    for piece in pieces:
        yield _event(f"response.{name}.delta", {**where, "delta": piece}, content=True)
    told: Json = {"name": item["name"]} if field == "arguments" else {}
    yield _event(f"response.{name}.done", {**where, **told, field: item[field]})


def _call_words(item: Json) -> tuple[str, str]:
    if item["type"] == "custom_tool_call":
        return "custom_tool_call_input", "input"
    return "function_call_arguments", "arguments"


def _interleaved(calls: list[tuple[int, Item]]) -> Iterator[Frame]:
    for place, (item, _) in calls:
        yield _opened(place, item)
    for row in zip_longest(*(pieces for _, (_, pieces) in calls)):
        for (place, (item, _)), piece in zip(calls, row, strict=True):
            if piece is not None:
                where: Json = {"item_id": item["id"], "output_index": place, "delta": piece}
                yield _event(f"response.{_call_words(item)[0]}.delta", where, content=True)
    for place, (item, _) in calls:
        yield from _arguments(item, {"item_id": item["id"], "output_index": place}, pieces=())
        yield _closed(place, item)


# ---------------------------------------------------------------------------- the response around them


def _final_status(answer: Answer) -> str:
    if answer.finish in _CUT_SHORT:
        return "incomplete"
    return "failed" if answer.finish == "failed" else "completed"


def _response(answer: Answer, status: str, *, items: list[Json]) -> Json:
    body = answer.asked.body
    echoed = {name: body.get(name, default) for name, default in _ECHOED.items()}
    ended = status != "in_progress"
    cut = _CUT_SHORT.get(answer.finish)
    return {
        "id": response_id(answer),
        "object": "response",
        "created_at": answer.created,
        "completed_at": answer.created if status == "completed" else None,
        "status": status,
        "error": {"code": "server_error", "message": OVERLOADED} if status == "failed" else None,
        "incomplete_details": {"reason": cut} if ended and cut else None,
        "model": answer.asked.model,
        "output": items,
        "reasoning": {"effort": None, "summary": None, **object_at(body, "reasoning")},
        "service_tier": "default",
        "text": {"format": {"type": "text"}, **object_at(body, "text")},
        "usage": usage_object(answer.usage) | answer.told_cost if ended and answer.framing.usage != "never" else None,
        **echoed,
    }


def _event(kind: str, fields: Json, *, content: bool = False) -> Frame:
    made = frame({"type": kind, **fields}, kind, content=content)
    return Frame(made.data, kind, content, numbered=True)
