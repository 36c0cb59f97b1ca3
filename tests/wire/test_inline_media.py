"""Media by data, by text and by data URL have a type and base64; the rest has not."""

import pytest

from hostler.core.messages import Media
from hostler.wire.inline_media import inline_data, media_kind, type_by_name


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (Media(kind="image", media_type="image/png", data="AAAA"), ("image/png", "AAAA")),
        (Media(kind="image", data="AAAA"), ("image/jpeg", "AAAA")),
        (Media(kind="document", text="é"), ("text/plain", "w6k=")),
        (Media(kind="document", text="", media_type="text/csv"), ("text/csv", "")),
        (Media(kind="audio", url="data:audio/ogg;codecs=opus;base64,AAAA"), ("audio/ogg", "AAAA")),
        (Media(kind="video", url="data:;base64,AAAA"), ("video/mp4", "AAAA")),
        (Media(kind="image", url="data:text/plain,plain"), None),
        (Media(kind="image", url="https://example.org/a;base64,b"), None),
        (Media(kind="image", file_id="f"), None),
    ],
)
def test_what_is_inline(media: Media, expected: tuple[str, str] | None) -> None:
    assert inline_data(media) == expected


def test_what_is_neither_image_nor_sound_nor_film_is_a_document() -> None:
    kinds = [media_kind(name) for name in ("image/png", "audio/wav", "video/mp4", "text/csv", "")]
    assert kinds == ["image", "audio", "video", "document", "document"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a.PNG?x=1.pdf", "image/png"),
        ("https://example.org/a.b/c.pdf#page", "application/pdf"),
        ("gs://bucket/film.mov", "video/quicktime"),
        ("https://example.org/a?name=/b.png", ""),
        ("https://example.png", ""),
        ("https://example.org/png", ""),
        ("https://example.org/a.xyz/b", ""),
        ("https://example.org/a.xyz", ""),
        ("", ""),
    ],
)
def test_an_ending_tells_the_type(url: str, expected: str) -> None:
    assert type_by_name(url) == expected
