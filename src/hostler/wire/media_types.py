"""What kind of file base64 data is, for wires that do not say. Knows how files begin; does not know any wire's JSON."""

from base64 import b64decode
from typing import Final

from hostler.core.messages import Media, MediaKind
from hostler.wire.openai_content import split_data_url

_MAGIC: Final[tuple[tuple[bytes, MediaKind, str], ...]] = (
    (b"\x89PNG", "image", "image/png"),
    (b"\xff\xd8\xff", "image", "image/jpeg"),
    (b"GIF8", "image", "image/gif"),
    (b"BM", "image", "image/bmp"),
    (b"%PDF", "document", "application/pdf"),
    (b"ID3", "audio", "audio/mpeg"),
    (b"\xff\xfb", "audio", "audio/mpeg"),
    (b"OggS", "audio", "audio/ogg"),
    (b"fLaC", "audio", "audio/flac"),
)
_KINDS: Final[dict[str, MediaKind]] = {"image": "image", "audio": "audio", "video": "video"}


def read_media(value: str, kind: MediaKind = "image") -> Media:
    """The file that `value` is: a web address, a data URL or bare base64. `kind` is for what nothing tells of."""
    if value.startswith(("https://", "http://")):
        return Media(kind=kind, url=value)
    inline = split_data_url(value)
    if inline is not None and inline[0]:
        return Media(kind=_KINDS.get(inline[0].partition("/")[0], "document"), media_type=inline[0], data=inline[1])
    data = "".join((value if inline is None else inline[1]).split())
    kind, media_type = _sniffed(data, kind)
    return Media(kind=kind, media_type=media_type, data=data)


def _sniffed(data: str, kind: MediaKind) -> tuple[MediaKind, str]:
    try:
        head = b64decode(data[:24])
    except ValueError:
        head = b""
    if head.startswith(b"RIFF"):
        return ("audio", "audio/wav") if head[8:12] == b"WAVE" else ("image", "image/webp")
    for magic, found, media_type in _MAGIC:
        if head.startswith(magic):
            return found, media_type
    return kind, {"image": "image/png", "audio": "audio/wav", "video": "video/mp4"}.get(kind, "application/pdf")
