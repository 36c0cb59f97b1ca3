"""The frame of a decoder for streams of server-sent events. Knows when a stream is broken; knows no wire's events."""

from abc import ABC, abstractmethod

from hostler.core.deltas import Delta, Failed
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.wire.sse import SseDecoder, SseEvent


class EventStreamDecoder(ABC):
    """Bytes in, deltas out, for one reply. `over`: its end or a failure was read; it is silent from then on."""

    def __init__(self) -> None:
        self.over = False
        self._sse = SseDecoder()

    @abstractmethod
    def take(self, events: list[SseEvent], out: list[Delta]) -> None:
        """Add what `events` say, and set `over` at the reply's end. Raises HostlerError for what ends it badly."""

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas that `data` completes."""
        out: list[Delta] = []
        if not self.over:
            try:
                self.take(self._sse.feed(data), out)
            except HostlerError as error:
                self._fail(error, out)
        return out

    def flush(self) -> list[Delta]:
        """What is left at the end of the body; a reply that has not come to its end fails here."""
        out: list[Delta] = []
        if self.over:
            return out
        try:
            self.take(self._sse.flush(), out)
        except UpstreamGarbled:
            pass  # a cut event: the stream broke, it is not garbled
        except HostlerError as error:
            self._fail(error, out)
        if not self.over:
            self.end_early(out)
        return out

    def end_early(self, out: list[Delta]) -> None:
        """The body ended without the wire's own end mark: the reply is broken, unless a wire can do without."""
        self._fail(UpstreamBroken("The upstream's reply ended before its end."), out)

    def _fail(self, error: HostlerError, out: list[Delta]) -> None:
        self.over = True
        out.append(Failed(error))
