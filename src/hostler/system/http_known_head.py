"""Recognises a connection's next head when it is the last one again, but for the length of its body.

Knows: which bytes of a head say the length. Does not know: what the head means, sockets.

A client that keeps its connection sends the same head with every call, and reading, checking and authorising it takes
longer than all that is done with the body; a local server answers with the same head each time. Two comparisons of
bytes show that nothing but the digits of the length differs, so everything found before holds again. What was found of
a request may change without its head (a key is revoked): its `epoch` then is out of date, and the head is read anew.
"""

import re
from typing import Any, Final  # edge: what a receiver or a head check keeps is its own

from hostler.system.http_framing import RequestHead

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_MOST_DIGITS: Final = 18
MOST_KNOWN: Final = 8192
"""Bytes of a head that is worth its place in the memory of each connection."""


class LengthMask:
    """A head with exactly one content-length, without its digits: they begin at `start`, and `tail` bytes follow."""

    __slots__ = ("_after", "_before", "_limit", "start", "tail")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after
        self.start = len(before)
        self.tail = len(after)
        self._limit = self.start + _MOST_DIGITS + self.tail

    def find(self, data: bytes | bytearray) -> int:
        """Where the digits end if `data` begins with this head again, else 0; the head is over `tail` bytes later."""
        if data.startswith(self._before):
            start = self.start
            at = data.find(self._after, start + 1, self._limit)
            if at > 0 and data[start:at].isdigit():
                return at
        return 0

    def find_whole(self, data: bytes) -> int:
        """Where the body begins if `data` is this head again and all of the body that it announces, else 0."""
        if data.startswith(self._before):
            at = data.find(self._after, self.start + 1, self._limit)
            if at > 0:
                begin = at + self.tail
                if data[self.start : at] == b"%d" % (len(data) - begin):
                    return begin
        return 0


def mask_of(head: bytes) -> tuple[bytes, bytes] | None:
    """What stands before and after the length's digits in a good head (its empty line included).

    None for a long head, and for one without exactly one length.
    """
    if len(head) > MOST_KNOWN:
        return None
    found = _LENGTH.search(head)
    if found is None or _LENGTH.search(head, found.end(1)) is not None:
        return None
    return head[: found.start(1)], head[found.end(1) :]


class KnownHead(LengthMask):
    """One good request head with a length, and what was found in it; good as long as the server's epoch is `epoch`."""

    __slots__ = ("epoch", "head")

    def __init__(self, mask: tuple[bytes, bytes], head: RequestHead, *, epoch: int) -> None:
        super().__init__(*mask)
        self.head = head
        self.epoch = epoch


class KnownReply(LengthMask):
    """One good response head with a length on a kept connection; `note` is what its receiver made of it."""

    __slots__ = ("headers", "note", "status")

    def __init__(self, mask: tuple[bytes, bytes], *, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        super().__init__(*mask)
        self.status = status
        self.headers = headers
        self.note: Any = None


def may_be_known(request: RequestHead) -> bool:
    """Whether remembering the head makes sense: a kept connection, a plain length, no question before the body."""
    return request.keep_alive and not request.http_10 and request.length > 0 and not request.expects
