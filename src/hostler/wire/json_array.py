"""The objects of one JSON array from bytes, however they are cut. Knows where an object ends; not what is in it.

Every byte is looked at a few times at most, however small the pieces are in which a large object comes.
"""

import re
from typing import Final

from hostler.errors import UpstreamGarbled
from hostler.wire.sse import MAX_EVENT

_IN_TEXT: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*+', re.DOTALL)
_BESIDE_TEXT: Final = re.compile(rb'[{}"]')


class ArrayDecoder:
    """Bytes in, whole objects out. What stands between the objects is passed over."""

    def __init__(self, max_object: int = MAX_EVENT) -> None:
        self._max_object = max_object
        self._data = bytearray()
        self._seen: int = 0  # bytes of `_data` that were looked at
        self._depth = 0
        self._in_text = False

    def feed(self, data: bytes) -> list[bytes]:
        """The objects that `data` completes. Raises UpstreamGarbled when one outgrows the bound."""
        self._data += data
        found: list[bytes] = []
        start = 0  # of the object that is not whole yet
        while True:
            if self._in_text and not self._skip_text():
                break
            mark = _BESIDE_TEXT.search(self._data, self._seen)
            if mark is None:
                self._seen = len(self._data)
                break
            self._seen = mark.end()
            match mark[0]:
                case b'"':
                    self._in_text = True
                case b"{":
                    if self._depth == 0:
                        start = mark.start()
                    self._depth += 1
                case _:
                    self._depth -= 1
                    if self._depth == 0:
                        found.append(bytes(self._data[start : self._seen]))
                    self._depth = max(self._depth, 0)
        self._drop(start if self._depth else self._seen)
        return found

    def _skip_text(self) -> bool:
        """Go behind the end of the string that is open; False where its end has not come."""
        text = _IN_TEXT.match(self._data, self._seen)
        self._seen = text.end() if text is not None else self._seen
        if not self._data.startswith(b'"', self._seen):  # the rest may be half of an escape
            return False
        self._seen += 1
        self._in_text = False
        return True

    def _drop(self, count: int) -> None:
        del self._data[:count]
        self._seen -= count
        if len(self._data) > self._max_object:
            raise UpstreamGarbled(f"One object of the stream is larger than {self._max_object} bytes.")
