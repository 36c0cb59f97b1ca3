"""Knows how Ollama writes answers: whole, as lines of JSON, embeddings, its models, and its errors.

Written after the published API reference and its server's source; does not know requests (`ollama_requests`), scripts
or delivery.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from hostler.providers.fake.answer import Answer, AnswerCall, count_words
from hostler.providers.fake.asked import Asked, Fault
from hostler.providers.fake.frames import Frame, frame
from hostler.providers.fake.json_values import Json, is_array, is_number
from hostler.providers.fake.openai_more import MAX_DIMENSIONS, model_named, vector_of
from hostler.providers.fake.routes import Route
from hostler.providers.fake.script import Model

VERSION: Final = "0.13.5"
OVERLOADED: Final = "an error was encountered while running the model: unexpected EOF"
_FINISH: Final = {"tool_calls": "stop", "refusal": "stop", "stop_sequence": "stop", "pause": "stop"}
_DATE: Final = "2026-01-01T00:00:00Z"
_SIZE: Final = 4_000_000_000
_DIMENSIONS: Final = 8
_MILLISECOND: Final = 1_000_000


def whole(answer: Answer) -> Json:
    """The reply to anything that is asked of a model without a stream."""
    if answer.asked.operation == "embeddings":
        return embeddings(answer.asked)
    told = _said(answer, "".join(answer.text) or answer.refusal)
    thinking = "".join(answer.reasoning) if _shows(answer) else ""
    if answer.asked.operation == "generate":
        return {**_head(answer), **told, **({"thinking": thinking} if thinking else {}), **_foot(answer)}
    message: Json = {"role": "assistant", **told}
    if thinking:
        message["thinking"] = thinking
    if answer.calls:
        message["tool_calls"] = [_call(place, call, answer=answer) for place, call in enumerate(answer.calls)]
    return {**_head(answer), "message": message, **_foot(answer)}


def stream(answer: Answer) -> Iterator[Frame]:
    """The same in a stream, line by line; each call comes whole."""
    for piece in answer.reasoning if _shows(answer) else ():
        yield _line(answer, {**_said(answer, ""), "thinking": piece})
    for piece in answer.text or ((answer.refusal,) if answer.refusal else ()):
        yield _line(answer, _said(answer, piece))
    for place, call in enumerate(answer.calls if answer.asked.operation == "chat" else ()):
        yield _line(answer, {**_said(answer, ""), "tool_calls": [_call(place, call, answer=answer)]})
    if not answer.framing.done:
        return
    nothing = _said(answer, "")
    last = nothing if answer.asked.operation == "generate" else {"message": {"role": "assistant", **nothing}}
    for _ in range(2 if answer.framing.usage == "twice" else 1):
        yield frame({**_head(answer), **last, **_foot(answer)})


def broken(fault: Fault, _: Answer) -> Iterator[Frame]:
    """An error inside a stream: a line with nothing else."""
    yield frame({"error": fault.message or OVERLOADED})


# ---------------------------------------------------------------------------- what is said


def _said(answer: Answer, text: str) -> Json:
    return {"response" if answer.asked.operation == "generate" else "content": text}


def _line(answer: Answer, said: Json) -> Frame:
    told: Json = said if answer.asked.operation == "generate" else {"message": {"role": "assistant", **said}}
    return frame({**_head(answer), **told, "done": False}, content=True)


def _shows(answer: Answer) -> bool:
    think = answer.asked.body.get("think")
    return bool(think) or (think is None and answer.dialect.summaries == "always")


def _call(place: int, call: AnswerCall, *, answer: Answer) -> Json:
    made: Json = {"function": {"index": place, "name": call.name, "arguments": call.arguments}}
    if answer.dialect.tool_ids == "missing":
        return made
    return {"id": f"call_fake{call.id}" if call.id[:1].isdigit() else call.id, **made}


def _head(answer: Answer) -> Json:
    return {"model": answer.asked.model, "created_at": _moment(answer.created)}


def _foot(answer: Answer) -> Json:
    """The end: why, and what it took; times are in nanoseconds."""
    told: Json = {"done": True, "done_reason": _FINISH.get(answer.finish, answer.finish)}
    if answer.asked.operation == "generate":
        told["context"] = [1, 2, 3]
    if answer.framing.usage == "never":
        return told
    return {
        **told,
        "total_duration": 40 * _MILLISECOND,
        "load_duration": 10 * _MILLISECOND,
        "prompt_eval_count": answer.usage.prompt,
        "prompt_eval_duration": 10 * _MILLISECOND,
        "eval_count": answer.usage.completion,
        "eval_duration": 20 * _MILLISECOND,
    }


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))


# ---------------------------------------------------------------------------- embeddings and models


def embeddings(asked: Asked) -> Json:
    """A vector for each input; one alone for a request of the older kind, which has a `prompt`."""
    given = asked.body.get("input")
    if given is None:
        return {"embedding": vector_of(asked.text, _DIMENSIONS)}
    wanted = asked.body.get("dimensions")
    size = min(max(1, int(wanted)), MAX_DIMENSIONS) if is_number(wanted) and wanted else _DIMENSIONS
    texts = [str(one) for one in given] if is_array(given) else [str(given)]
    return {
        "model": asked.model,
        "embeddings": [vector_of(text, size) for text in texts],
        "total_duration": 20 * _MILLISECOND,
        "load_duration": 10 * _MILLISECOND,
        "prompt_eval_count": max(1, sum(map(count_words, texts))),
    }


def listing(route: Route, models: Sequence[Model]) -> Json:
    """What is there, what is loaded, what one model can do, or the server's version. Raises LookupError."""
    match route.operation:
        case "version":
            return {"version": VERSION}
        case "model":
            return _shown(model_named(route.model, models))
        case "running":
            return {"models": [{**_row(model), **_loaded(model)} for model in models]}
        case _:
            return {"models": [{**_row(model), "modified_at": _DATE} for model in models]}


def _row(model: Model) -> Json:
    return {"name": model.id, "model": model.id, "size": _SIZE, "digest": "0" * 64, "details": _details()}


def _details() -> Json:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "fake",
        "families": ["fake"],
        "parameter_size": "8B",
        "quantization_level": "Q4_K_M",
    }


def _loaded(model: Model) -> Json:
    return {"expires_at": _moment(int(time.time()) + 300), "size_vram": _SIZE, "context_length": model.context}


def _shown(model: Model) -> Json:
    thinks = ["thinking"] if any(reply.reasoning for reply in model.replies) else []
    return {
        "modelfile": f"FROM {model.id}",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": _details(),
        "model_info": {
            "general.architecture": "fake",
            "general.parameter_count": 8_000_000_000,
            "fake.context_length": model.context,
            "fake.embedding_length": _DIMENSIONS,
        },
        "capabilities": ["completion", "tools", "vision", *thinks],
        "modified_at": _DATE,
    }
