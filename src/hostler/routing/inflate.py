"""Undoes a reply's compression as it comes. Knows gzip and zlib; does not know what is inside.

Identity is asked for, but some upstreams compress all the same.
"""

import zlib

from hostler.errors import UpstreamGarbled

_CODINGS = (b"gzip", b"x-gzip", b"deflate")


class Inflate:
    """One reply's decoder. `whole`: the compressed data has come to its own end."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, told by the header

    @property
    def whole(self) -> bool:
        return self._stream.eof

    def feed(self, data: bytes) -> bytes:
        """What the bytes so far give; may be empty. Raises UpstreamGarbled."""
        try:
            return self._stream.decompress(data)
        except zlib.error as error:
            raise UpstreamGarbled(f"The upstream's compressed reply is damaged: {error}.") from None


def inflate_for(coding: bytes) -> Inflate | None:
    """A decoder for the codings of the standard library; others pass through as they are, without usage."""
    return Inflate() if coding.strip().lower() in _CODINGS else None
