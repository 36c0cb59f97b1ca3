"""What every attempt's receiver shares: status, collected bytes, errors, times, and the one moment it is settled.

Knows: the shape of an upstream's answer over time. Does not know: where the bytes go (relay, translate).
"""

import time
from collections.abc import Callable

from hostler.core.usage import UNKNOWN
from hostler.errors import HostlerError, UpstreamError, UpstreamGarbled
from hostler.routing.call import Attempt, Headers
from hostler.system.eager import Signal
from hostler.system.upstream import UpstreamConnection
from hostler.wire.codecs import codec_of

LARGEST_ERROR = 256 * 1024
"""Bytes of an error body that are read; the rest is cut off."""
FIRST_ERROR = 400
Done = Signal[HostlerError | None]


class AttemptReceiver:
    """Takes one upstream answer. `done` gets None after a good end, else the error.

    `settle` is called just before the last byte of a good answer goes out: the journal's line is written there.
    """

    __slots__ = ("_chunks", "_done", "_headers", "attempt", "connection", "first_byte", "on_settle", "size", "status", "usage")

    def __init__(self, attempt: Attempt, connection: UpstreamConnection, done: Done) -> None:
        self.attempt = attempt
        self.connection = connection
        self.status = 0
        self.usage = UNKNOWN
        self.first_byte = 0.0
        self.size = 0
        self.on_settle: Callable[[AttemptReceiver], None] | None = None
        self._done = done
        self._chunks: list[bytes] = []
        self._headers: Headers = []

    # for subclasses

    def on_good_head(self, headers: Headers) -> None:
        """A status below 400 came."""
        raise NotImplementedError

    def on_good_end(self) -> HostlerError | None:
        """The body is whole; returns the error that makes the answer a failure after all."""
        raise NotImplementedError

    def settle(self) -> None:
        """Record the attempt's good end, before the last byte is sent."""
        if self.on_settle is not None:
            self.on_settle(self)

    def note_first_byte(self) -> None:
        """Stamp the time of the first byte of the body (perf_counter seconds)."""
        self.first_byte = time.perf_counter()

    def collect(self, data: bytes) -> None:
        """Keep bytes; of an error body only the first LARGEST_ERROR."""
        if self.status < FIRST_ERROR or self.size < LARGEST_ERROR:
            self._chunks.append(data)
            self.size += len(data)

    def take(self) -> bytes:
        """What was kept, and forget it."""
        chunks, self._chunks = self._chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    # system.upstream.Receiver

    def on_head(self, status: int, headers: Headers) -> None:
        """The response head came."""
        self.status = status
        if status < FIRST_ERROR:
            try:
                self.on_good_head(headers)
            except HostlerError as error:
                self.give_up(error)
        else:
            self._headers = headers

    def on_body(self, data: bytes) -> None:
        """More of the body came."""
        raise NotImplementedError

    def on_complete(self) -> None:
        """The response is whole."""
        if self._done.is_set:
            return
        if self.status >= FIRST_ERROR:
            self._done.set(self._refusal())
            return
        try:
            error = self.on_good_end()
        except HostlerError as raised:
            error = raised
        self._done.set(error)

    def on_failed(self, error: UpstreamError) -> None:
        """The response broke."""
        self._done.set(error)

    def give_up(self, error: HostlerError) -> None:
        """End the attempt from our side."""
        self.connection.abort()
        self._done.set(error)

    def _refusal(self) -> HostlerError:
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in self._headers}
        try:
            return codec_of(self.attempt.candidate.provider.wire).decode_error(self.status, headers, self.take())
        except HostlerError as error:
            return UpstreamGarbled(f"The upstream answered {self.status}, and: {error.message}")
