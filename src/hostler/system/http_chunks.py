"""Knows the chunked transfer coding of requests, strictly: sizes, bounded extensions, trailers that may not steer.

Does not know: sockets, heads, replies.
"""

import io
import re
from typing import Final, Literal

from hostler.system.http_framing import Refusal

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})((?:;[\t\x20-\x7e\x80-\xff]*)?)\r\n")
_TRAILER_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t\x20-\x7e\x80-\xff]*\r\n")
_MAX_LINE: Final = 4096
_MAX_EXTENSIONS: Final = 16384
_MAX_TRAILERS: Final = 16384
# Lines and chunks taken in one call: 1-byte chunks by the hundred thousand must not keep the loop.
_PIECES: Final = 256

# What a trailer could smuggle past a check that looked at the head: framing, routing, credentials, request modifiers.
_FORBIDDEN_TRAILERS: Final = frozenset(
    b"content-length transfer-encoding host connection keep-alive te trailer upgrade expect max-forwards"
    b" authorization proxy-authorization proxy-connection x-api-key x-goog-api-key api-key cookie set-cookie origin"
    b" content-type content-encoding content-range range cache-control pragma forwarded"
    b" x-forwarded-for x-forwarded-host x-forwarded-proto".split()
)


class Dechunker:
    """Takes a chunked body apart. `feed` until `done`; `body` then holds the data, at most `limit` bytes."""

    __slots__ = ("_awaiting", "_extensions", "_limit", "_line", "_missing", "_trailers", "body", "done")

    def __init__(self, limit: int) -> None:
        self.body = io.BytesIO()
        self.done = False
        self._limit = limit
        self._line = b""
        self._missing = 0
        self._awaiting: Literal["size", "data", "gap", "trailer"] = "size"
        self._extensions = 0
        self._trailers = 0

    def feed(self, data: bytes | bytearray) -> int:
        """Take bytes; returns how many. Fewer than given: the body is `done`, or there is more to do in a next call.

        Raises `Refusal`: 413 above the limit, 400 for anything that is not exactly a chunked body.
        """
        position = 0
        end = len(data)
        pieces = _PIECES
        while position < end and pieces and not self.done:
            pieces -= 1
            if self._awaiting == "data":
                taken = min(self._missing, end - position)
                self.body.write(data[position : position + taken])
                position += taken
                self._missing -= taken
                if not self._missing:
                    self._awaiting = "gap"
            else:
                position = self._take_line(data, position)
        return position

    def _take_line(self, data: bytes | bytearray, start: int) -> int:
        newline = data.find(b"\n", start)
        stop = len(data) if newline < 0 else newline + 1
        if len(self._line) + stop - start > _MAX_LINE:
            raise Refusal(400, "A line of the chunked body is too long.")
        line = self._line + data[start:stop]
        if newline < 0:
            self._line = line
            return stop
        self._line = b""
        match self._awaiting:
            case "size":
                self._take_size(line)
            case "trailer":
                self._take_trailer(line)
            case _:
                if line != b"\r\n":
                    raise Refusal(400, "A chunk is longer than it says.")
                self._awaiting = "size"
        return stop

    def _take_size(self, line: bytes) -> None:
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            raise Refusal(400, "A chunk does not begin with its size.")
        self._extensions += len(found[2])
        if self._extensions > _MAX_EXTENSIONS:
            raise Refusal(400, "The chunk extensions are too long.")
        size = int(found[1], 16)
        if self.body.tell() + size > self._limit:
            raise Refusal(413, "The request body is too large.")
        self._missing = size
        self._awaiting = "data" if size else "trailer"

    def _take_trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self.done = True
            return
        found = _TRAILER_LINE.fullmatch(line)
        if found is None:
            raise Refusal(400, "A trailer is malformed.")
        if found[1].lower() in _FORBIDDEN_TRAILERS:
            raise Refusal(400, "A trailer holds a field that belongs into the head.")
        self._trailers += len(line)
        if self._trailers > _MAX_TRAILERS:
            raise Refusal(431, "The trailers are too long.")
