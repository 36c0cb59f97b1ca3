"""Knows how OpenAI writes legacy completions, embeddings and model lists, and how Anthropic lists models.

Does not know: chat completions and messages (they have modules of their own), scripts, delivery.
"""

import base64
import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from hostler.providers.fake import openai_chat
from hostler.providers.fake.answer import Answer, count_words
from hostler.providers.fake.asked import Asked
from hostler.providers.fake.frames import Frame, frame
from hostler.providers.fake.json_values import Json, is_array, is_number
from hostler.providers.fake.openai_chat import DONE, finish_reason, usage_object
from hostler.providers.fake.routes import Route
from hostler.providers.fake.script import Model

DIMENSIONS: Final = 8
MAX_DIMENSIONS: Final = 8192
_CREATED: Final = 1_700_000_000
_DATE: Final = "2026-01-01T00:00:00Z"


def whole(answer: Answer) -> Json:
    """The reply to any request on the chat wire, in one piece."""
    match answer.asked.operation:
        case "completions":
            return completion(answer)
        case "embeddings":
            return embeddings(answer.asked)
        case _:
            return openai_chat.whole(answer)


def stream(answer: Answer) -> Iterator[Frame]:
    """The same in a stream."""
    return completion_stream(answer) if answer.asked.operation == "completions" else openai_chat.stream(answer)


def completion(answer: Answer) -> Json:
    """The reply to a legacy completion without `stream`."""
    choice = {"index": 0, "text": "".join(answer.text), "logprobs": None, "finish_reason": finish_reason(answer)}
    return {**_completion_head(answer), "choices": [choice], "usage": usage_object(answer.usage, answer.dialect)}


def completion_stream(answer: Answer) -> Iterator[Frame]:
    """The same in a stream."""
    for piece in answer.text:
        choice = {"index": 0, "text": piece, "logprobs": None, "finish_reason": None}
        yield frame({**_completion_head(answer), "choices": [choice]}, content=True)
    last = {"index": 0, "text": "", "logprobs": None, "finish_reason": finish_reason(answer)}
    yield frame({**_completion_head(answer), "choices": [last]})
    if answer.asked.include_usage:
        yield frame({**_completion_head(answer), "choices": [], "usage": usage_object(answer.usage, answer.dialect)})
    if answer.framing.done:
        yield DONE


def _completion_head(answer: Answer) -> Json:
    return {
        "id": f"cmpl-fake{answer.number}",
        "object": "text_completion",
        "created": answer.created,
        "model": answer.asked.model,
    }


def embeddings(asked: Asked) -> Json:
    """One vector per input: unit length, the same for the same text, in numbers or base64 as asked."""
    given = asked.body.get("input", "")
    tokens = is_array(given) and bool(given) and all(is_number(part) for part in given)
    inputs: Sequence[object] = given if is_array(given) and not tokens else [given]
    wanted = asked.body.get("dimensions")
    size = min(max(1, int(wanted)), MAX_DIMENSIONS) if is_number(wanted) else DIMENSIONS
    packed = asked.body.get("encoding_format") == "base64"
    rows: list[Json] = []
    for place, text in enumerate(inputs):
        vector = vector_of(str(text), size)
        told: object = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode() if packed else vector
        rows.append({"object": "embedding", "index": place, "embedding": told})
    count = max(1, sum(count_words(text) or 1 for text in inputs))
    usage = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "data": rows, "model": asked.model, "usage": usage}


def vector_of(text: str, size: int) -> list[float]:
    """A vector of unit length, made from the text's hash."""
    raw = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(size)
    values = [byte - 127.5 for byte in raw]
    length = sum(value * value for value in values) ** 0.5
    return [value / length for value in values]


def openai_model(model: Model) -> Json:
    """One row of a model list."""
    return {"id": model.id, "object": "model", "created": _CREATED, "owned_by": model.owned_by}


def anthropic_model(model: Model) -> Json:
    """One row of a model list on the other wire."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": _DATE,
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
        "lifecycle": "active",
        "retires_at": None,
    }


def openai_listing(route: Route, models: Sequence[Model]) -> Json:
    """All models in one page, or the one that the path names. Raises LookupError when there is no such model."""
    if route.operation == "models":
        return {"object": "list", "data": [openai_model(model) for model in models]}
    return openai_model(model_named(route.model, models))


def anthropic_listing(route: Route, models: Sequence[Model]) -> Json:
    """The same on the other wire."""
    if route.operation == "model":
        return anthropic_model(model_named(route.model, models))
    ends: Json = {"first_id": models[0].id, "last_id": models[-1].id} if models else {"first_id": None, "last_id": None}
    return {"data": [anthropic_model(model) for model in models], "has_more": False, **ends}


def model_named(name: str, models: Sequence[Model]) -> Model:
    """The model of this name. Raises LookupError."""
    for model in models:
        if model.id == name:
            return model
    raise LookupError(name)
