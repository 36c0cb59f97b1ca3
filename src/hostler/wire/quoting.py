"""JSON text that no client's line reader breaks. Knows which characters do that; does not know any wire's JSON."""

from typing import Final

import msgspec

_BETWEEN_TOKENS: Final = ((b"\n", b" "), (b"\r", b" "))
"""At these a reader of lines breaks a frame. Raw in JSON they stand only between its tokens: a model that spreads a
call's arguments over lines writes them."""
_WITHIN_STRINGS: Final = (
    (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"),
)  # fmt: skip
"""At these the readers of several client libraries break, too."""

_encode = msgspec.json.Encoder().encode


def quoted(text: str) -> bytes:
    """`text` as a JSON string on one line, whatever a reader takes for a line's end."""
    data = _encode(text)
    return data if text.isascii() else one_line(data)


def one_line(data: bytes) -> bytes:
    """JSON of the same value without the raw characters that some readers take for a line's end."""
    for raw, escaped in _BETWEEN_TOKENS if data.isascii() else (*_BETWEEN_TOKENS, *_WITHIN_STRINGS):
        if raw in data:
            data = data.replace(raw, escaped)
    return data
