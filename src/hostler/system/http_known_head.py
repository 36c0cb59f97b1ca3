"""Recognises a connection's next head when it is the last one again, but for the length of its body.

Knows: which bytes of a head say the length. Does not know: what the head means, sockets.

A client that keeps its connection sends the same head with every call, and reading, checking and authorising it takes
longer than all that is done with the body; a local server answers with the same head each time. Two comparisons of
bytes show that nothing but the digits of the length differs, so everything found before holds again. What was found of
a request may change without its head (a key is revoked): its `epoch` then is out of date, and the head is read anew.
"""

import re
from typing import Final

from hostler.system.http_framing import RequestHead

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_MOST_DIGITS: Final = 18
MOST_KNOWN: Final = 8192
"""Bytes of a head that is worth its place in the memory of each connection."""


class LengthMask:
    """A head with exactly one content-length, without its digits."""

    __slots__ = ("_after", "_before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after

    @classmethod
    def of(cls, head: bytes) -> "LengthMask | None":
        """The mask of a good head, its empty line included; None for a long one, and without one length."""
        if len(head) > MOST_KNOWN:
            return None
        found = _LENGTH.search(head)
        if found is None or _LENGTH.search(head, found.end(1)) is not None:
            return None
        return cls(head[: found.start(1)], head[found.end(1) :])

    def length_in(self, held: bytes | bytearray, end: int) -> int:
        """The body's length if the `end` first bytes of `held` are this head again, else -1."""
        at = end - len(self._after)
        start = len(self._before)
        if not (start < at <= start + _MOST_DIGITS and held.startswith(self._before) and held[at:end] == self._after):
            return -1
        digits = bytes(held[start:at])
        return int(digits) if digits.isdigit() else -1


class KnownHead:
    """One good request head with a length, and what the head check made of it."""

    __slots__ = ("_context", "_headers", "_index", "_method", "_path", "_query", "_target", "epoch", "length_in")

    def __init__(self, mask: LengthMask, request: RequestHead, *, context: object, epoch: int) -> None:
        self.length_in = mask.length_in
        # not the request itself, which may be an exchange and hold its body as long as the connection lives
        self._method = request.method
        self._target = request.target
        self._path = request.path
        self._query = request.query
        self._headers = request.headers
        self._index = request._index  # pyright: ignore[reportPrivateUsage]  # one record filled from another
        self._context = context
        self.epoch = epoch

    def fill(self, request: RequestHead, length: int) -> object:
        """Write the known head into a new request; returns the context. Its content-length header says the old one."""
        request.method = self._method
        request.target = self._target
        request.path = self._path
        request.query = self._query
        request.headers = self._headers
        request.http_10 = False
        request.keep_alive = True
        request.expects = False
        request.length = length
        request._index = self._index  # pyright: ignore[reportPrivateUsage]  # one record filled from another
        return self._context


def may_be_known(request: RequestHead) -> bool:
    """Whether remembering the head makes sense: a kept connection, a plain length, no question before the body."""
    return request.keep_alive and not request.http_10 and request.length > 0 and not request.expects


class KnownReply:
    """One good response head with a length on a kept connection; `note` is what its receiver made of it."""

    __slots__ = ("headers", "length_in", "note", "status")

    def __init__(self, mask: LengthMask, *, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.length_in = mask.length_in
        self.status = status
        self.headers = headers
        self.note: object = None
