"""Server-sent events from bytes, however they are cut. Knows the event-stream format; does not know any wire's JSON.

Format: WHATWG HTML, section "Server-sent events". `id` and `retry` are ignored: nobody reconnects to a reply. A bare
JSON object between events is taken for an event.
"""

from msgspec import Struct

from hostler.errors import UpstreamGarbled

MAX_EVENT: int = 16 * 1024 * 1024
"""Bytes of one event that is not whole yet; above it the stream counts as garbled."""

_BOM = b"\xef\xbb\xbf"


class SseEvent(Struct, frozen=True, gc=False):
    """One event; `event` is empty when the stream did not name it. Lines of `data` are joined by a line feed."""

    event: str
    data: bytes


class SseDecoder:
    """Bytes in, whole events out. Comments yield nothing; any of LF, CR and CRLF ends a line."""

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._head: bytes | None = b""  # the first bytes, until they are known not to be half a BOM; then None
        self._after_cr = False

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that `data` completes. Raises UpstreamGarbled when one event outgrows the bound."""
        if self._head is not None or self._after_cr or b"\r" in data:
            data = self._plain(data)
        pending = self._pending
        if pending:
            if b"\n\n" not in data and not (data.startswith(b"\n") and pending[-1].endswith(b"\n")):
                self._hold(data)
                return []
            pending.append(data)
            data = b"".join(pending)
            pending.clear()
            self._pending_size = 0
        if not data.endswith(b"\n\n"):
            cut = data.rfind(b"\n\n") + 2
            if cut == 1:
                self._hold(data)
                return []
            self._hold(data[cut:])
            data = data[:cut]
        events: list[SseEvent] = []
        for block in data.split(b"\n\n"):
            if block.startswith(b"data: ") and b"\n" not in block:
                events.append(SseEvent("", block[6:]))
            elif block:
                event = _read_block(block)
                if event is not None:
                    events.append(event)
        return events

    def flush(self) -> list[SseEvent]:
        """At the end of the body: the event that stood there without its blank line, if any.

        Its last line may be cut: what its data means is for the caller to judge.
        """
        rest = (self._head or b"") + b"".join(self._pending)
        self._head = None
        self._pending.clear()
        self._pending_size = 0
        event = _read_block(rest) if rest else None
        return [] if event is None else [event]

    def _hold(self, data: bytes) -> None:
        if data:
            self._pending.append(data)
            self._pending_size += len(data)
            if self._pending_size > self._max_event:
                raise UpstreamGarbled(f"One event of the stream is larger than {self._max_event} bytes.")

    def _plain(self, data: bytes) -> bytes:
        """`data` with line feeds only, and without the byte order mark that may open the stream."""
        if self._head is not None:
            data = self._head + data
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._head = data
                return b""
            self._head = None
            data = data.removeprefix(_BOM)
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data


def _read_block(block: bytes) -> SseEvent | None:
    """One event from its lines; None when no line holds data."""
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
        elif field == b"error":  # how llama.cpp's server broke off a stream until 2025
            name = field
            data.append(value.removeprefix(b" "))
    if not data:  # some servers break off with an error that stands bare in the stream
        return SseEvent("", block) if block.startswith(b"{") else None
    return SseEvent(name.decode("utf-8", "replace"), data[0] if len(data) == 1 else b"\n".join(data))
