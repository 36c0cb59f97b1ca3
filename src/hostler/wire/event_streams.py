"""The frame of a decoder for streams, of events, lines or objects. Knows when one is broken; knows no wire's events."""

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from hostler.core.deltas import Delta, Failed
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.wire.sse import SseDecoder, SseEvent

_Event = TypeVar("_Event")


class Framing(Protocol[_Event]):
    """Bytes in, whole events out, however they are cut."""

    def feed(self, data: bytes) -> list[_Event]: ...
    def flush(self) -> list[_Event]: ...


class StreamReader(ABC, Generic[_Event]):
    """Bytes in, deltas out, for one reply. `over`: its end or a failure was read; it is silent from then on."""

    def __init__(self, framing: Framing[_Event]) -> None:
        self.over = False
        self.framing = framing

    @abstractmethod
    def take(self, events: list[_Event], out: list[Delta]) -> None:
        """Add what `events` say, and set `over` at the reply's end. Raises HostlerError for what ends it badly."""

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas that `data` completes."""
        out: list[Delta] = []
        if not self.over:
            try:
                self.take(self.framing.feed(data), out)
            except HostlerError as error:
                self._fail(error, out)
        return out

    def flush(self) -> list[Delta]:
        """What is left at the end of the body; a reply that has not come to its end fails here."""
        out: list[Delta] = []
        if self.over:
            return out
        try:
            self.take(self.framing.flush(), out)
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


class EventStreamDecoder(StreamReader[SseEvent]):
    """The same for server-sent events, as most wires have them."""

    def __init__(self) -> None:
        super().__init__(SseDecoder())
