"""Knows how Google writes Gemini's answers: whole, in streams, in counts, embeddings and model lists; and its errors.

Written after the published API reference; does not know requests (`gemini_requests`), scripts or delivery.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import Final

from hostler.providers.fake.answer import Answer, AnswerCall, call_signature
from hostler.providers.fake.asked import Asked, Fault
from hostler.providers.fake.frames import Frame, frame
from hostler.providers.fake.json_values import Json, array_at, is_number, object_at, object_of, texts_of
from hostler.providers.fake.openai_more import MAX_DIMENSIONS, model_named, vector_of
from hostler.providers.fake.refusals import error_body
from hostler.providers.fake.routes import Route
from hostler.providers.fake.script import Counts, Model

OVERLOADED: Final = "The model is overloaded. Please try again later."
_FINISH: Final = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "stop_sequence": "STOP",
    "pause": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "PROHIBITED_CONTENT",
}
_DIMENSIONS: Final = 8
_METHODS: Final = ["generateContent", "countTokens", "embedContent", "batchEmbedContents"]


def usage_object(usage: Counts) -> Json:
    """Counts as this wire adds them up: the cache is part of the prompt, thoughts are not part of the candidates."""
    told: Json = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.prompt + usage.completion,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt}],
    }
    if usage.cache_read:
        told["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        told["thoughtsTokenCount"] = usage.reasoning
    return told


def whole(answer: Answer) -> Json:
    """The reply to anything that is asked of a model without a stream."""
    if answer.asked.operation == "embeddings":
        return embeddings(answer.asked)
    if answer.finish == "blocked":
        return _blocked(answer)
    text = "".join(answer.text)
    parts = [_thought("".join(answer.reasoning))] if _shows(answer) else []
    if text:
        signed = bool(answer.reasoning) and not answer.calls
        parts.append({"text": text, **({"thoughtSignature": _spoken_signature(answer)} if signed else {})})
    parts += [_call_part(call, answer, first=not place) for place, call in enumerate(answer.calls)]
    return _chunk(answer, parts, sent=1.0, finish=_finish_reason(answer))


def stream(answer: Answer) -> Iterator[Frame]:
    """The same in a stream: each event is a reply of its own."""
    if answer.finish == "blocked":
        yield frame(_blocked(answer))
        return
    said = [_thought(piece) for piece in answer.reasoning] if _shows(answer) else []
    said += [Json(text=piece) for piece in answer.text]
    said += [_call_part(call, answer, first=not place) for place, call in enumerate(answer.calls)]
    for number, part in enumerate(said, 1):
        yield frame(_chunk(answer, [part], sent=number / (len(said) + 1)), content=True)
    last: Json = {"text": ""}
    if answer.reasoning and not answer.calls:
        last["thoughtSignature"] = _spoken_signature(answer)
    if not answer.framing.done:
        return
    for _ in range(2 if answer.framing.usage == "twice" else 1):
        yield frame(_chunk(answer, [last], sent=1.0, finish=_finish_reason(answer)))


def broken(fault: Fault, _: Answer) -> Iterator[Frame]:
    """An error inside a stream: the error's object where a reply was to come."""
    told = Fault(fault.message or OVERLOADED, 503 if not fault.message else fault.status, kind=fault.kind)
    yield frame(error_body("gemini", told))


# ---------------------------------------------------------------------------- parts


def _shows(answer: Answer) -> bool:
    if not answer.reasoning:
        return False
    wanted = object_at(object_at(answer.asked.body, "generationConfig"), "thinkingConfig")
    return answer.dialect.summaries == "always" or wanted.get("includeThoughts") is True


def _thought(text: str) -> Json:
    return {"text": text, "thought": True}


def _spoken_signature(answer: Answer) -> str:
    return packed(answer.signature)


def _call_part(call: AnswerCall, answer: Answer, *, first: bool) -> Json:
    """A call comes whole; the first one of a step bears the signature."""
    made: Json = {"name": call.name, "args": call.arguments}
    if answer.dialect.tool_ids != "missing":
        made["id"] = f"fake{call.id}" if call.id[:1].isdigit() else call.id
    part: Json = {"functionCall": made}
    if first and answer.dialect.signatures:
        part["thoughtSignature"] = packed(answer.scripted_signature or call_signature(call.name, call.arguments))
    return part


def packed(signature: str) -> str:
    """A signature as bytes are written in this wire's JSON."""
    return base64.b64encode(signature.encode("utf-8", "surrogatepass")).decode()


# ---------------------------------------------------------------------------- replies


def _finish_reason(answer: Answer) -> str:
    return _FINISH.get(answer.finish, answer.finish)


def _chunk(answer: Answer, parts: list[Json], *, sent: float, finish: str = "") -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
        if answer.refusal:
            candidate["finishMessage"] = answer.refusal
    told: Json = {"candidates": [candidate], **_foot(answer)}
    mode = answer.framing.usage
    if mode != "never" and (finish or mode == "every" or answer.dialect.running_usage):
        told["usageMetadata"] = usage_object(answer.usage.grown(sent) if answer.dialect.running_usage else answer.usage)
    return told


def _blocked(answer: Answer) -> Json:
    """The prompt is refused: there is no candidate."""
    feedback: Json = {"blockReason": "PROHIBITED_CONTENT"}
    if answer.refusal:
        feedback["blockReasonMessage"] = answer.refusal
    prompt = Counts(input=answer.usage.input, cache_read=answer.usage.cache_read)
    return {"promptFeedback": feedback, "usageMetadata": usage_object(prompt), **_foot(answer)}


def _foot(answer: Answer) -> Json:
    return {"modelVersion": answer.asked.model, "responseId": f"fake{answer.number}"}


def counted(count: int) -> Json:
    """The reply to a request that has its tokens counted."""
    return {"totalTokens": count, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": count}]}


def embeddings(asked: Asked) -> Json:
    """One vector per content: in a list when a batch was asked for."""
    if "requests" in asked.body:
        return {"embeddings": [_embedding(request) for request in array_at(asked.body, "requests")]}
    return {"embedding": _embedding(asked.body)}


def _embedding(request: object) -> Json:
    wanted = object_of(request).get("outputDimensionality")
    size = min(max(1, int(wanted)), MAX_DIMENSIONS) if is_number(wanted) else _DIMENSIONS
    text = texts_of(object_at(request, "content").get("parts"))
    return {"values": vector_of(text, size)}


def listing(route: Route, models: Sequence[Model]) -> Json:
    """All models in one page, or the one that the path names. Raises LookupError when there is no such model."""
    if route.operation == "model":
        return _model(model_named(route.model, models))
    return {"models": [_model(model) for model in models]}


def _model(model: Model) -> Json:
    return {
        "name": f"models/{model.id}",
        "version": "001",
        "displayName": model.id,
        "description": "A model of the fake vendor.",
        "inputTokenLimit": model.context,
        "outputTokenLimit": model.max_output,
        "supportedGenerationMethods": _METHODS,
        "thinking": any(reply.reasoning for reply in model.replies),
        "temperature": 1,
        "maxTemperature": 2,
        "topP": 0.95,
        "topK": 64,
    }


def no_model(route: Route, name: str) -> Fault:
    """There is no such model."""
    method = "generateContent" if route.operation == "generate" else "this method"
    text = (
        f"models/{name} is not found for API version v1beta, or is not supported for {method}. "
        "Call ListModels to see the list of available models and their supported methods."
    )
    return Fault(text, 404)
