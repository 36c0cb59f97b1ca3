"""Undoes a reply's compression as it comes. Knows gzip and zlib; does not know what is inside.

Identity is asked for, but some upstreams compress all the same.
"""

import zlib

from hostler.errors import UpstreamGarbled

_CODINGS = (b"gzip", b"x-gzip", b"deflate")
MOST_AT_ONCE = 8 << 20
"""Bytes that one piece from the upstream may unfold to: many times what text does, a small part of what a bomb does."""


class Inflate:
    """One reply's decoder. `whole`: the compressed data has come to its own end."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, told by the header

    @property
    def whole(self) -> bool:
        return self._stream.eof

    def feed(self, data: bytes) -> bytes:
        """What the bytes so far give; may be empty. Raises UpstreamGarbled, also for bytes behind the end."""
        stream = self._stream
        over = stream.eof
        try:
            plain = b"" if over else stream.decompress(data, MOST_AT_ONCE)
        except zlib.error as error:
            raise UpstreamGarbled(f"The upstream's compressed reply is damaged: {error}.") from None
        if len(plain) >= MOST_AT_ONCE:
            raise UpstreamGarbled("The upstream's compressed reply unfolds to more than any reply has.")
        if over or stream.unused_data:
            raise UpstreamGarbled("The upstream's compressed reply goes on behind its end.")
        return plain


def inflate_for(coding: bytes) -> Inflate | None:
    """A decoder for the codings of the standard library; others pass through as they are, without usage."""
    return Inflate() if coding.strip().lower() in _CODINGS else None
