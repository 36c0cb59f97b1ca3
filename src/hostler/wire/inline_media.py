"""Media as base64 with its type, whichever way it is given. Knows media types; does not know any wire's JSON."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from hostler.core.messages import Media, MediaKind
from hostler.core.wires import Wire
from hostler.errors import Unsupported

_KINDS: Final[Mapping[str, MediaKind]] = {"image": "image", "audio": "audio", "video": "video"}
_TYPES: Final[Mapping[MediaKind, str]] = {
    "image": "image/jpeg",
    "audio": "audio/wav",
    "video": "video/mp4",
    "document": "application/pdf",
}
_ENDINGS: Final = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "heic": "image/heic", "heif": "image/heif", "bmp": "image/bmp",
    "wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "flac": "audio/flac", "m4a": "audio/mp4",
    "aac": "audio/aac", "mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "mpeg": "video/mpeg",
    "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "html": "text/html", "csv": "text/csv",
}  # fmt: skip


def media_kind(media_type: str) -> MediaKind:
    """What sort of media a type is; all that is no image, sound or film is a document."""
    return _KINDS.get(media_type.partition("/")[0], "document")


def usual_type(kind: MediaKind) -> str:
    """The type to say where nobody said one."""
    return _TYPES[kind]


def type_by_name(url: str) -> str:
    """The type that a file's address tells by its ending; empty where it tells none."""
    path = url.partition("://")[2].partition("#")[0].partition("?")[0].partition("/")[2]
    _, dot, ending = path.rpartition(".")
    return _ENDINGS.get(ending.lower(), "") if dot else ""


def refuse_foreign_file(part: Media, path: str, *, given_on: Wire | None, taken_by: tuple[Wire, ...]) -> None:
    """Raise Unsupported for a file that lies with another vendor; without an origin it is of the wire `given_on`."""
    wire = part.origin.wire if part.origin is not None else given_on
    if part.file_id is not None and wire is not None and wire not in taken_by:
        hint = "Send the file itself, as base64 data or as a URL."
        raise Unsupported(f"{path}: the file id '{part.file_id}' belongs to another vendor.", hint=hint)


def inline_data(media: Media) -> tuple[str, str] | None:
    """Media type and base64 of what was given by data, text or a data URL (RFC 2397); None for the rest."""
    if media.data is not None:
        return media.media_type or usual_type(media.kind), media.data
    if media.text is not None:
        return media.media_type or "text/plain", b64encode(media.text.encode()).decode()
    head, comma, data = (media.url or "").partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    return head[5:].split(";")[0] or media.media_type or usual_type(media.kind), data
