"""Knows how Alibaba writes DashScope's answers: whole, in streams that repeat or go on, and embeddings; and its errors.

Written after the published API reference; does not know requests (`dashscope_requests`), scripts or delivery.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs

import msgspec

from hostler.providers.fake.answer import Answer, AnswerCall, count_words
from hostler.providers.fake.asked import Fault
from hostler.providers.fake.frames import Frame
from hostler.providers.fake.json_values import Json, array_at, is_number, object_at
from hostler.providers.fake.openai_more import MAX_DIMENSIONS, vector_of
from hostler.providers.fake.refusals import error_body
from hostler.providers.fake.routes import Route
from hostler.providers.fake.script import Counts, Model

PING: Final = b":ping\n\n"
OVERLOADED: Final = "Too many requests. Your requests are being throttled due to system capacity limits."
_FINISH: Final = {"refusal": "stop", "stop_sequence": "stop", "pause": "stop"}
_OPEN: Final = "null"  # the word, not the value
_DIMENSIONS: Final = 8


def usage_object(usage: Counts) -> Json:
    """Counts as this wire adds them up: the cache is part of the input, reasoning is part of the output."""
    return {
        "input_tokens": usage.prompt,
        "output_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_creation_input_tokens": usage.cache_write,
        },
        "output_tokens_details": {"reasoning_tokens": usage.reasoning, "text_tokens": usage.output},
    }


def whole(answer: Answer) -> Json:
    """The reply to anything that is asked of a model without a stream."""
    if answer.asked.operation == "embeddings":
        return embeddings(answer)
    return _reply(answer, _everything(answer), sent=1.0, finish=_finish(answer))


def stream(answer: Answer) -> Iterator[Frame]:
    """The same in a stream: what is new, or all that was said so far, as asked or as the model does."""
    steps = list(_steps(answer))
    said = _Said()
    number = 0
    for number, step in enumerate(steps, 1):
        said = said.with_step(step)
        shown = step if _incremental(answer) else said
        reply = _reply(answer, shown, sent=number / len(steps), finish=_OPEN)
        yield _event(number, reply, content=True)
    if answer.framing.done:
        last = _Said() if _incremental(answer) else said
        for _ in range(2 if answer.framing.usage == "twice" else 1):
            yield _event(number + 1, _reply(answer, last, sent=1.0, finish=_finish(answer)))


def broken(fault: Fault, _: Answer) -> Iterator[Frame]:
    """An error inside a stream: an event of its own, with the status in a comment."""
    told = Fault(fault.message or OVERLOADED, 503 if not fault.message else fault.status, kind=fault.kind)
    data = msgspec.json.encode(error_body("dashscope", told, request_id="req_fake")).decode()
    yield Frame(data, lines=("id:0", "event:error", f":HTTP_STATUS/{told.status}"))


# ---------------------------------------------------------------------------- what is said


@dataclass(frozen=True, slots=True)
class _CallPart:
    """A part of a call: its argument text so far, and whether name and id stand there too."""

    place: int
    call: AnswerCall
    text: str
    named: bool


@dataclass(frozen=True, slots=True)
class _Said:
    """What one event says."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[_CallPart, ...] = ()

    def with_step(self, step: "_Said") -> "_Said":
        """All that was said up to and with a step."""
        calls = {part.place: part for part in self.calls}
        for part in step.calls:
            before = calls[part.place].text if part.place in calls else ""
            calls[part.place] = replace(part, text=before + part.text, named=True)
        text, reasoning = self.text + step.text, self.reasoning + step.reasoning
        return _Said(text, reasoning, tuple(calls.values()))


def _steps(answer: Answer) -> Iterator[_Said]:
    for piece in answer.reasoning:
        yield _Said(reasoning=piece)
    for piece in answer.text or ((answer.refusal,) if answer.refusal else ()):
        yield _Said(text=piece)
    for place, call in enumerate(answer.calls):
        for number, piece in enumerate(call.pieces or ("",)):
            yield _Said(calls=(_CallPart(place, call, piece, number == 0),))


def _everything(answer: Answer) -> _Said:
    said = _Said()
    for step in _steps(answer):
        said = said.with_step(step)
    return said


def _incremental(answer: Answer) -> bool:
    if answer.dialect.text != "asked":
        return answer.dialect.text == "incremental"
    return object_at(answer.asked.body, "parameters").get("incremental_output") is True


def _finish(answer: Answer) -> str:
    return _FINISH.get(answer.finish, answer.finish)


# ---------------------------------------------------------------------------- replies


def _reply(answer: Answer, said: _Said, *, sent: float, finish: str) -> Json:
    told: Json = {"output": _output(answer, said, finish=finish)}
    if answer.framing.usage != "never":
        told["usage"] = usage_object(answer.usage.grown(sent))
    return {**told, "request_id": f"req_fake{answer.number}"}


def _output(answer: Answer, said: _Said, *, finish: str) -> Json:
    multimodal = answer.asked.parts
    if not multimodal and object_at(answer.asked.body, "parameters").get("result_format") != "message":
        return {"text": said.text, "finish_reason": finish}
    content: object = said.text
    if multimodal:
        content = [{"text": said.text}] if said.text else []
    message: Json = {"role": "assistant", "content": content}
    if answer.reasoning:
        message["reasoning_content"] = said.reasoning
    if said.calls:
        message["tool_calls"] = [_call(part) for part in said.calls]
    return {"choices": [{"finish_reason": finish, "message": message}]}


def _call(part: _CallPart) -> Json:
    call = part.call
    own = f"call_fake{call.id}" if call.id[:1].isdigit() else call.id
    function: Json = {"name": call.name, "arguments": part.text} if part.named else {"arguments": part.text}
    return {"index": part.place, "id": own if part.named else "", "type": "function", "function": function}


def _event(number: int, data: Json, *, content: bool = False) -> Frame:
    lines = (f"id:{number}", "event:result", ":HTTP_STATUS/200")
    return Frame(msgspec.json.encode(data).decode(), content=content, lines=lines)


def embeddings(answer: Answer) -> Json:
    """A vector for each text."""
    asked = answer.asked
    wanted = object_at(asked.body, "parameters").get("dimension")
    size = min(max(1, int(wanted)), MAX_DIMENSIONS) if is_number(wanted) else _DIMENSIONS
    texts = [str(text) for text in array_at(object_at(asked.body, "input"), "texts")]
    rows = [{"text_index": place, "embedding": vector_of(text, size)} for place, text in enumerate(texts)]
    tokens = max(1, sum(map(count_words, texts)))
    return {
        "output": {"embeddings": rows},
        "usage": {"total_tokens": tokens},
        "request_id": f"req_fake{answer.number}",
    }


def listing(route: Route, models: Sequence[Model]) -> Json:
    """A page of the models, or the one that the query names."""
    query = parse_qs(route.query)
    page, size = (
        int(query[name][0]) if name in query else default for name, default in (("page_no", 1), ("page_size", 10))
    )
    wanted = query.get("model")
    rows = [{"model": model.id, "name": model.id} for model in models if not wanted or model.id in wanted]
    shown = rows[(page - 1) * size : page * size]
    return {
        "output": {"total": len(rows), "page_no": page, "page_size": size, "models": shown},
        "request_id": "req_fake",
    }
