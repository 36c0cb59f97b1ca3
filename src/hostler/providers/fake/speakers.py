"""Knows who reads, judges and writes each wire: one row per wire. Does not know what they say, or when it is sent."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hostler.providers.fake import (
    anthropic,
    anthropic_requests,
    dashscope,
    dashscope_requests,
    gemini,
    gemini_requests,
    ollama,
    ollama_requests,
    openai_chat,
    openai_chat_requests,
    openai_more,
    openai_responses,
    openai_responses_requests,
)
from hostler.providers.fake.answer import Answer
from hostler.providers.fake.asked import Asked, Fault, Rules
from hostler.providers.fake.frames import Frame, array_of, lines_of
from hostler.providers.fake.json_values import Json
from hostler.providers.fake.plan import Stream
from hostler.providers.fake.routes import Route
from hostler.providers.fake.script import Model, Wire

Frames = Iterable[Frame]


@dataclass(frozen=True, slots=True)
class Speaker:
    """How one wire is spoken.

    `check` raises Fault for what the vendor refuses, `listing` LookupError for a model that is not there; `counted`
    is the reply to a request that has its tokens counted.
    """

    read: Callable[[Route, object], Asked]
    check: Callable[[Asked, Rules], None]
    whole: Callable[[Answer], object]
    stream: Callable[[Answer], Frames]
    broken: Callable[[Fault, Answer], Frames]
    listing: Callable[[Route, Sequence[Model]], Json]
    counted: Callable[[int], Json]
    no_model: Callable[[Route, str], Fault]
    no_path: Callable[[str], Fault]
    ping: bytes = b""
    request_id: bytes = b"x-request-id"
    lines: bool = False
    """Streams are lines of JSON, not events."""


def stream_of(answer: Answer, fault: Fault) -> Stream:
    """The streamed reply on the answer's wire; `fault` is what an error inside it says."""
    asked = answer.asked
    speaker = SPEAKERS[asked.wire]
    frames, broken = speaker.stream(answer), speaker.broken(fault, answer)
    if speaker.lines:
        return Stream(lines_of(frames), lines_of(broken), content_type="application/x-ndjson")
    if asked.array:
        return Stream(array_of(frames), array_of(broken, begun=True), content_type="application/json")
    return Stream(frames, broken, ping=speaker.ping, comment=answer.dialect.keep_alive)


def _openai_no_model(_: Route, name: str) -> Fault:
    text = f"The model `{name}` does not exist or you do not have access to it."
    return Fault(text, 404, kind="invalid_request_error", code="model_not_found")


def _openai_no_path(said: str) -> Fault:
    return Fault(f"Invalid URL ({said})", 404, kind="invalid_request_error")


_CHAT: Final = Speaker(
    read=lambda route, body: openai_chat_requests.read(route.operation, body),
    check=openai_chat_requests.check,
    whole=openai_more.whole,
    stream=openai_more.stream,
    broken=openai_chat.broken,
    listing=openai_more.openai_listing,
    counted=lambda count: {"input_tokens": count},
    no_model=_openai_no_model,
    no_path=_openai_no_path,
    ping=openai_chat.PING,
)

SPEAKERS: Final[Mapping[Wire, Speaker]] = {
    "openai-chat": _CHAT,
    "openai-responses": Speaker(
        read=openai_responses_requests.read,
        check=openai_responses_requests.check,
        whole=openai_responses.whole,
        stream=openai_responses.stream,
        broken=openai_responses.broken,
        listing=openai_more.openai_listing,
        counted=lambda count: {"object": "response.input_tokens", "input_tokens": count},
        no_model=_openai_no_model,
        no_path=_openai_no_path,
        ping=openai_responses.PING,
    ),
    "gemini": Speaker(
        read=gemini_requests.read,
        check=gemini_requests.check,
        whole=gemini.whole,
        stream=gemini.stream,
        broken=gemini.broken,
        listing=gemini.listing,
        counted=gemini.counted,
        no_model=gemini.no_model,
        no_path=lambda said: Fault(f"The requested URL was not found on this server: {said}", 404),
    ),
    "ollama": Speaker(
        read=ollama_requests.read,
        check=ollama_requests.check,
        whole=ollama.whole,
        stream=ollama.stream,
        broken=ollama.broken,
        listing=ollama.listing,
        counted=lambda count: {"prompt_eval_count": count},
        no_model=lambda _, name: Fault(f"model '{name}' not found", 404),
        no_path=lambda _: Fault("404 page not found", 404),
        lines=True,
    ),
    "dashscope": Speaker(
        read=dashscope_requests.read,
        check=dashscope_requests.check,
        whole=dashscope.whole,
        stream=dashscope.stream,
        broken=dashscope.broken,
        listing=dashscope.listing,
        counted=lambda count: {"usage": {"input_tokens": count}},
        no_model=lambda _, __: Fault("Model not exist.", kind="InvalidParameter"),
        no_path=lambda _: Fault("url error, please check url！", kind="InvalidParameter"),
        ping=dashscope.PING,
    ),
    "anthropic": Speaker(
        read=lambda route, body: anthropic_requests.read(route.operation, body),
        check=anthropic_requests.check,
        whole=anthropic.whole,
        stream=anthropic.stream,
        broken=anthropic.broken,
        listing=openai_more.anthropic_listing,
        counted=lambda count: {"input_tokens": count},
        no_model=lambda _, name: Fault(f"model: {name}", 404, kind="not_found_error"),
        no_path=lambda _: Fault("Not Found", 404, kind="not_found_error"),
        ping=anthropic.PING,
        request_id=b"request-id",
    ),
}
"""Every wire that the fake speaks."""
