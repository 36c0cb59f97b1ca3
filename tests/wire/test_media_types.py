"""Bare base64 data tells what it is by its first bytes."""

from base64 import b64encode

import pytest

from hostler.core.messages import Media, MediaKind
from hostler.wire.media_types import read_media


@pytest.mark.parametrize(
    ("head", "kind", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image", "image/png"),
        (b"\xff\xd8\xff\xe0", "image", "image/jpeg"),
        (b"GIF89a", "image", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image", "image/webp"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio", "audio/wav"),
        (b"ID3\x04", "audio", "audio/mpeg"),
        (b"%PDF-1.7", "document", "application/pdf"),
        (b"who knows", "image", "image/png"),
    ],
)
def test_the_first_bytes_tell(head: bytes, kind: MediaKind, media_type: str) -> None:
    data = b64encode(head + bytes(40)).decode()
    assert read_media(data) == Media(kind=kind, media_type=media_type, data=data)
    assert read_media(f"{data[:30]}\n{data[30:]}\n").data == data


def test_addresses_and_data_urls_say_what_they_are() -> None:
    assert read_media("https://example.org/a.mp4", "video") == Media(kind="video", url="https://example.org/a.mp4")
    assert read_media("data:audio/mpeg;base64,AAAA") == Media(kind="audio", media_type="audio/mpeg", data="AAAA")
    assert read_media("data:application/pdf;base64,AAAA").kind == "document"


def test_what_nothing_tells_of_is_what_the_place_says() -> None:
    assert read_media("AAAA", "video") == Media(kind="video", media_type="video/mp4", data="AAAA")
    assert read_media("not base64!", "audio").media_type == "audio/wav"
