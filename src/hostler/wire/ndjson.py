"""JSON objects, one a line, from bytes, however they are cut. Knows lines; does not know any wire's JSON."""

from typing import Final

from hostler.errors import UpstreamGarbled

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of one line that is not whole yet; above it the stream counts as garbled."""


class LineDecoder:
    """Bytes in, whole lines out, without their ends; blank ones are passed over. LF and CRLF end a line."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._pending: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes. Raises UpstreamGarbled when one outgrows the bound."""
        if data.endswith(b"\n"):
            rest = b""
        else:
            data, end, rest = data.rpartition(b"\n")
            if not end:
                self._hold(rest)
                return []
        if self._pending:
            data = b"".join((*self._pending, data))
            self._pending.clear()
            self._size = 0
        if rest:
            self._hold(rest)
        return [line for line in data.split(b"\n") if line and not line.isspace()]

    def flush(self) -> list[bytes]:
        """At the end of the body: the line that stood there without its end, if any; it may be cut."""
        rest = b"".join(self._pending)
        self._pending.clear()
        self._size = 0
        return [rest] if rest.strip() else []

    def _hold(self, data: bytes) -> None:
        self._pending.append(data)
        self._size += len(data)
        if self._size > self._max_line:
            raise UpstreamGarbled(f"One line of the stream is larger than {self._max_line} bytes.")
