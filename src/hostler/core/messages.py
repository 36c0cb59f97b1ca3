"""Messages and their ordered parts, the shape that every wire is read into and written from.

Knows: roles, part kinds, and that opaque state belongs to its origin. Does not know: any wire's JSON.
Names follow the OpenTelemetry GenAI conventions.
"""

from dataclasses import dataclass
from typing import Literal

from hostler.core.wires import Wire

Role = Literal["system", "developer", "user", "assistant", "tool"]
MediaKind = Literal["image", "audio", "video", "document"]
CacheMark = Literal["5m", "1h"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made a part. A client's history names only the wire: provider and model are then empty."""

    provider: str
    wire: Wire
    model: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that a text refers to; what else its wire says of it stands in the text's `opaque`."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Visible text. `cache`: a prompt-cache breakpoint stands behind this part, with its time to live."""

    text: str
    citations: tuple[Citation, ...] = ()
    cache: CacheMark | None = None
    origin: Origin | None = None
    opaque: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The model's refusal, where the wire keeps it apart from text."""

    text: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """Hidden thinking: readable text, an opaque raw block (signature, encrypted, redacted), or both.

    `opaque` is the block's JSON as its wire published it, byte for byte; it goes back only to `origin`.
    """

    text: str = ""
    redacted: bool = False
    origin: Origin | None = None
    opaque: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that the model asks for. `arguments` is JSON text as the model wrote it; empty means no arguments.

    `custom`: a free-form tool whose `arguments` are plain text, not JSON.
    """

    id: str
    name: str
    arguments: str = ""
    custom: bool = False
    cache: CacheMark | None = None
    origin: Origin | None = None
    opaque: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An image, sound, film or document, by exactly one of: base64 `data`, `url`, `file_id`, or plain `text`.

    `text` is a document given as text. `name` is a file name or title; `detail` an image's asked resolution.
    """

    kind: MediaKind
    media_type: str = ""
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    text: str | None = None
    name: str = ""
    detail: str = ""
    cache: CacheMark | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """The answer to the tool call `call_id`."""

    call_id: str
    content: "tuple[Text | Media, ...]" = ()
    is_error: bool = False
    name: str = ""
    cache: CacheMark | None = None


Part = Text | Refusal | Reasoning | ToolCall | ToolResult | Media


@dataclass(frozen=True, slots=True)
class Message:
    """What one role says at one point. A `tool` message holds tool results only; they may also stand in `user`."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""


def visible_text(parts: tuple[Part, ...]) -> str:
    """The text a person would read; reasoning is never part of it."""
    return "".join(p.text for p in parts if isinstance(p, Text | Refusal))
