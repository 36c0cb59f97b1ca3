"""Which path means what. Knows paths and methods of the faces; does not know what is done with them."""

import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import unquote

from hostler.core.wires import ANTHROPIC, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.providers.provider import Operation
from hostler.routing.call import FILES

Page = Literal["front", "health", "models", "model", "tags", "show", "ps", "version", "control", "api", "page"]
"""`tags`, `show`, `ps` and `version` are the ollama wire's pages about models."""
API: Final = "/hostler/api/"
CONTROL: Final = API + "control/"
_MODELS: Final = "/v1/models"
_GEMINI_MODELS: Final = "/v1beta/models"
_MODEL_PREFIXES: Final = (_MODELS + "/", _GEMINI_MODELS + "/")
_SHORTENED: Final = ("/models/", "/v1beta/")
"""What stands before the model in calls of the gemini wire by clients that take an address for one with its version, or
an id with a slash for one that says by itself what kind of model it is."""


@dataclass(frozen=True, slots=True)
class Face:
    """A path that calls a model: POST, a JSON body.

    `model` is the one that the path names, empty where the body does; `streams` is what a body means that does not say
    whether it wants a stream.
    """

    wire: Wire
    operation: Operation
    model: str = ""
    streams: bool = False
    as_array: bool = False
    """Whether a stream is one JSON array: on the gemini wire, where the query does not ask for events."""
    named_in_body: bool = field(init=False)
    """Whether the model is a top-level field of a JSON body; else the path names it, or perhaps a form does."""

    def __post_init__(self) -> None:
        # frozen: set once, since every request asks
        object.__setattr__(self, "named_in_body", not self.model and self.operation not in FILES)


@dataclass(frozen=True, slots=True)
class Plain:
    """A path that we answer ourselves; `rest` is what follows its fixed part, percent-decoded."""

    page: Page
    methods: tuple[str, ...]
    rest: str = ""


_FACES: Final[dict[str, Face]] = {
    "/v1/chat/completions": Face(OPENAI_CHAT, "chat"),
    "/v1/completions": Face(OPENAI_CHAT, "completions"),
    "/v1/embeddings": Face(OPENAI_CHAT, "embeddings"),
    "/v1/rerank": Face(OPENAI_CHAT, "rerank"),
    "/v1/audio/speech": Face(OPENAI_CHAT, "speech"),
    "/v1/audio/transcriptions": Face(OPENAI_CHAT, "transcriptions"),
    "/v1/audio/translations": Face(OPENAI_CHAT, "translations"),
    "/v1/images/generations": Face(OPENAI_CHAT, "images"),
    "/v1/images/edits": Face(OPENAI_CHAT, "image_edits"),
    "/v1/images/variations": Face(OPENAI_CHAT, "image_variations"),
    "/v1/responses": Face(OPENAI_RESPONSES, "chat"),
    "/v1/responses/input_tokens": Face(OPENAI_RESPONSES, "count_tokens"),
    "/v1/messages": Face(ANTHROPIC, "chat"),
    "/v1/messages/count_tokens": Face(ANTHROPIC, "count_tokens"),
    "/api/chat": Face(OLLAMA, "chat", streams=True),
    "/api/generate": Face(OLLAMA, "generate", streams=True),
    "/api/embed": Face(OLLAMA, "embeddings"),
    "/api/embeddings": Face(OLLAMA, "embedding"),
}
_ACTIONS: Final[dict[str, tuple[Operation, bool]]] = {
    "generateContent": ("chat", False),
    "streamGenerateContent": ("chat", True),
    "countTokens": ("count_tokens", False),
    "embedContent": ("embedding", False),
    "batchEmbedContents": ("embeddings", False),
}
"""What a path of the gemini wire asks for behind the model's name, and whether as a stream."""
_EVENTS: Final = "alt=sse"
_READ: Final = ("GET", "HEAD")
_ANY: Final = (*_READ, "POST", "PUT", "PATCH", "DELETE")
_API: Final = Plain("api", _ANY)
_FILES: Final = Plain("page", _READ)
_ASSETS: Final = "/assets/"
_RESERVED: Final = frozenset(("v1", "v1beta", "api", "hostler", "metrics", "health", "assets"))
"""First segments of paths that are for programs: a page there would only hide a mistake."""
_SEGMENTS: Final = re.compile(r"/([^/]+)(?:/[^/]+)*/?")
_PLAIN: Final[dict[str, Plain]] = {
    "/": Plain("front", _READ),
    "/health": Plain("health", _READ),
    _MODELS: Plain("models", _READ),
    _GEMINI_MODELS: Plain("models", _READ),
    "/api/tags": Plain("tags", _READ),
    "/api/show": Plain("show", ("POST",)),
    "/api/ps": Plain("ps", _READ),
    "/api/version": Plain("version", _READ),
}


def with_query(place: Face | Plain | None, query: str) -> Face | Plain | None:
    """What a path leads to together with its query."""
    if isinstance(place, Face) and place.wire == GEMINI and place.streams and _EVENTS not in query.split("&"):
        return replace(place, as_array=True)
    return place


def find(path: str) -> Face | Plain | None:
    """What a request path (without its query) leads to; a trailing slash does not matter."""
    face = _FACES.get(path)
    if face is not None:
        return face
    if path.startswith(_MODEL_PREFIXES):
        return _find_model(unquote(path.partition("/models/")[2]))
    if path.startswith(_SHORTENED):
        place = _find_model(unquote(path.split("/", 2)[2]))
        if isinstance(place, Face):
            return place
    if path.startswith(CONTROL):
        return Plain("control", ("GET", "HEAD", "POST"), path[len(CONTROL) :])
    if path.startswith(API) and path != CONTROL[:-1]:
        return _API
    if path.startswith(_ASSETS):
        return _FILES
    return _PLAIN.get(path) or (find(path.rstrip("/")) if len(path) > 1 and path.endswith("/") else None)


def _find_model(rest: str) -> Face | Plain:
    """What a path below a list of models leads to: the model's card, or a call of it on the gemini wire."""
    name, _, action = rest.rpartition(":")
    if name and action in _ACTIONS:
        operation, streams = _ACTIONS[action]
        return Face(GEMINI, operation, name, streams)
    return Plain("model", _READ, rest)


def find_page(path: str) -> Plain | None:
    """What a path that leads nowhere is to a browser: a place within the workbench, or one of its files."""
    found = _SEGMENTS.fullmatch(path)
    return None if found is None or found[1] in _RESERVED else _FILES


def paths() -> tuple[str, ...]:
    """Every fixed path, for docs and hints."""
    return (*_FACES, *_PLAIN)
