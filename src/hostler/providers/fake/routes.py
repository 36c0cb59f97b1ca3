"""Knows which path, query and header ask for what, on which wire. Does not know bodies, scripts or answers.

Vendors serve the same wires under prefixes of their own (`/openai/v1`, `/anthropic`, `/compatible-mode/v1`), so the end
of a path decides where a prefix may stand before it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from hostler.providers.fake.script import Operation, Wire

_ENDS: Final[Mapping[str, tuple[Wire, Operation]]] = {
    "/chat/completions": ("openai-chat", "chat"),
    "/completions": ("openai-chat", "completions"),
    "/embeddings": ("openai-chat", "embeddings"),
    "/responses": ("openai-responses", "responses"),
    "/responses/input_tokens": ("openai-responses", "count_tokens"),
    "/messages": ("anthropic", "messages"),
    "/messages/count_tokens": ("anthropic", "count_tokens"),
}
_OLLAMA: Final[Mapping[str, tuple[str, Operation]]] = {
    "/api/chat": ("POST", "chat"),
    "/api/generate": ("POST", "generate"),
    "/api/embed": ("POST", "embeddings"),
    "/api/embeddings": ("POST", "embeddings"),
    "/api/show": ("POST", "model"),
    "/api/tags": ("GET", "models"),
    "/api/ps": ("GET", "running"),
    "/api/version": ("GET", "version"),
}
_GEMINI: Final = re.compile(r"/(?:v1\w*/)(?:models|tunedModels)/(.+):(\w+)")
_METHODS: Final[Mapping[str, tuple[Operation, bool]]] = {
    "generateContent": ("generate", False),
    "streamGenerateContent": ("generate", True),
    "countTokens": ("count_tokens", False),
    "embedContent": ("embeddings", False),
    "batchEmbedContents": ("embeddings", False),
}
_DASHSCOPE: Final = re.compile(r"/api/v1/services/(aigc|embeddings)/([\w-]+)/[\w-]+")
_MODELS: Final = re.compile(r"(.*)/models(?:/(.*))?")


@dataclass(frozen=True, slots=True)
class Route:
    """What a request's head says: `model` where the path names one, `stream` where path or header ask for it.

    `array` when the stream is to be one JSON array, `parts` when texts are lists of parts; `verb` is the method that
    the path takes.
    """

    wire: Wire
    operation: Operation
    verb: str = "POST"
    model: str = ""
    stream: bool = False
    array: bool = False
    parts: bool = False
    query: str = ""


def route_of(path: str, query: str, *, headers: Mapping[str, str]) -> Route:
    """Where a request goes; `headers` have lower-cased names. Its operation is `unknown` when there is no such path."""
    for end, (wire, operation) in _ENDS.items():
        if path.endswith(end) and path not in _OLLAMA:
            return Route(wire, operation)
    if path in _OLLAMA:
        verb, operation = _OLLAMA[path]
        return Route("ollama", operation, verb)
    if found := _GEMINI.fullmatch(path):
        operation, stream = _METHODS.get(found[2], ("unknown", False))
        events = parse_qs(query).get("alt", [""])[0] == "sse"
        return Route("gemini", operation, model=found[1], stream=stream, array=stream and not events)
    if found := _DASHSCOPE.fullmatch(path):
        operation = "embeddings" if found[1] == "embeddings" else "chat"
        streams = headers.get("x-dashscope-sse") == "enable" or "text/event-stream" in headers.get("accept", "")
        return Route("dashscope", operation, stream=streams, parts=found[2] == "multimodal-generation")
    if found := _MODELS.fullmatch(path):
        wire = _listing_wire(path, query, headers=headers)
        return Route(wire, "model" if found[2] else "models", "GET", model=found[2] or "", query=query)
    return Route(_listing_wire(path, query, headers=headers), "unknown")


def _listing_wire(path: str, query: str, *, headers: Mapping[str, str]) -> Wire:
    """Whose words are used where several wires share a path."""
    if "/messages" in path or "anthropic-version" in headers:
        return "anthropic"
    if path.startswith("/v1beta") or "x-goog-api-key" in headers or "key" in parse_qs(query):
        return "gemini"
    if path.startswith("/api/v1/services") or (path == "/api/v1/models" and "page_no" in parse_qs(query)):
        return "dashscope"
    return "ollama" if re.match(r"/api/(?!v1)", path) else "openai-chat"
