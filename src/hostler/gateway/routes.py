"""Which path means what. Knows paths and methods of the faces; does not know what is done with them."""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

from hostler.core.wires import ANTHROPIC, OPENAI_CHAT, Wire
from hostler.routing.call import Operation

Page = Literal["front", "health", "models", "model", "control", "api", "page"]
API: Final = "/hostler/api/"
CONTROL: Final = API + "control/"
_MODELS: Final = "/v1/models"


@dataclass(frozen=True, slots=True)
class Face:
    """A path that calls a model: POST, a JSON body with `model`."""

    wire: Wire
    operation: Operation


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
    "/v1/messages": Face(ANTHROPIC, "chat"),
    "/v1/messages/count_tokens": Face(ANTHROPIC, "count_tokens"),
}
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
}


def find(path: str) -> Face | Plain | None:
    """What a request path (without its query) leads to; a trailing slash does not matter."""
    face = _FACES.get(path)
    if face is not None:
        return face
    if path.startswith(_MODELS + "/"):
        return Plain("model", _READ, unquote(path[len(_MODELS) + 1 :]))
    if path.startswith(CONTROL):
        return Plain("control", ("GET", "HEAD", "POST"), path[len(CONTROL) :])
    if path.startswith(API) and path != CONTROL[:-1]:
        return _API
    if path.startswith(_ASSETS):
        return _FILES
    return _PLAIN.get(path) or (find(path.rstrip("/")) if len(path) > 1 and path.endswith("/") else None)


def find_page(path: str) -> Plain | None:
    """What a path that leads nowhere is to a browser: a place within the workbench, or one of its files."""
    found = _SEGMENTS.fullmatch(path)
    return None if found is None or found[1] in _RESERVED else _FILES


def paths() -> tuple[str, ...]:
    """Every fixed path, for docs and hints."""
    return (*_FACES, *_PLAIN)
