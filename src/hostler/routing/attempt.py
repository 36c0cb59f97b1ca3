"""One attempt at a call: what is sent, what came back so far, and its two lines in the ledger.

Knows: the shape of an upstream's answer over time, and the one moment it is settled. Does not know: where the bytes go
(relay, translate), queues and retries (running).
"""

import logging
from collections.abc import Callable
from time import perf_counter, time_ns
from typing import Protocol

from hostler.accounts.ledger import End, Ledger, Outcome
from hostler.core.pricing import cost_of
from hostler.core.usage import UNKNOWN, Usage
from hostler.errors import Cancelled, HostlerError, UpstreamBroken, UpstreamError, UpstreamGarbled
from hostler.registry.resolver import Candidate
from hostler.routing.call import Call, Connection, Headers, Target, Way
from hostler.routing.inflate import Inflate, inflate_for
from hostler.system.upstream import KnownReply, Message, Receiver

_log = logging.getLogger(__name__)
LARGEST_ERROR = 256 * 1024
"""Bytes of an error body that are read; the rest is cut off."""
FIRST_ELSEWHERE = 300
FIRST_ERROR = 400


class Owner(Protocol):
    """Who makes an attempt, and hears when it is over: with None after a good end, else with the error."""

    def over(self, error: HostlerError | None) -> None: ...


class Attempt(Receiver):
    """The `number`th try (from 1) of a call, by one way; tells its `owner` when the answer is over.

    `settle` writes the ledger's line of a good end just before the last byte goes out. Times are perf_counter seconds.
    """

    __slots__ = (
        "_chunks", "_headers", "call", "connection", "dropped", "ended", "first_byte", "inflate", "ledger", "number",
        "owner", "settled", "size", "started", "status", "usage", "waited", "way",
    )  # fmt: skip

    connection: Connection
    ledger: Ledger
    owner: Owner
    started: float

    def __init__(self, call: Call, way: Way, number: int) -> None:  # signature: positions, see Relay
        self.call = call
        self.way = way
        self.number = number
        self.status = self.size = 0
        self.usage: Usage = UNKNOWN
        self.first_byte = self.waited = 0.0
        self.dropped: tuple[str, ...] = ()
        self.settled = self.ended = False
        self.inflate: Inflate | None = None
        self._chunks: list[bytes] | None = None

    @property
    def candidate(self) -> Candidate:
        """Whom the way leads to."""
        return self.way.candidate

    # what dispatch does with it

    def message(self, target: Target) -> Message:
        """The whole request for the target."""
        raise NotImplementedError

    def begin(self, ledger: Ledger) -> None:
        """Write the attempt's first line; raises StorageError when the disk is full: then it must not be made."""
        self.ledger = ledger
        self.started = perf_counter()
        ledger.begin(self.call.id, self.number, time_ns(), self.way.kind)

    def close(self, error: HostlerError, *, final: bool) -> None:
        """Write the last line of an attempt that failed; `final`: the request is over with it."""
        if not self.settled:
            outcome: Outcome = "cancelled" if isinstance(error, Cancelled) else "error"
            self._record(error.status, outcome, error.code, final)

    def again(self) -> None:
        """Forget the answer that never began, for a second sending on a fresh connection."""
        self.ended = False
        self.status = self.size = 0
        self.inflate = None
        self._chunks = None

    # for subclasses

    def on_good_head(self, headers: Headers) -> None:
        """A status below 400 came."""
        raise NotImplementedError

    def on_good_end(self) -> HostlerError | None:
        """The body is whole; returns the error that makes the answer a failure after all."""
        raise NotImplementedError

    def settle(self) -> None:
        """Record the attempt's good end, before the last byte is sent."""
        self.settled = True
        self._record(self.status, "ok", None, True)

    def collect(self, data: bytes) -> None:
        """Keep bytes; an error body that has come to LARGEST_ERROR is over."""
        if self.status >= FIRST_ERROR:
            data = data[: LARGEST_ERROR - self.size]
        if self._chunks is None:
            self._chunks = [data]
        else:
            self._chunks.append(data)
        self.size += len(data)
        if self.status >= FIRST_ERROR and self.size >= LARGEST_ERROR:
            self.give_up(self._refusal())

    def take(self) -> bytes:
        """What was kept, and forget it."""
        chunks, self._chunks = self._chunks or (), None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def inflated(self, data: bytes) -> bytes:
        """Bytes of a compressed body in plain; empty when there are none yet, or when the attempt was given up."""
        assert self.inflate is not None
        try:
            return self.inflate.feed(data)
        except UpstreamGarbled as error:
            self.give_up(error)
            return b""

    def give_up(self, error: HostlerError) -> None:
        """End the attempt from our side."""
        if not self.ended:
            self.connection.abort()
            self.end(error)

    def abandon(self) -> None:
        """Drop it without a word to the owner."""
        connection: Connection | None = getattr(self, "connection", None)
        if connection is not None and not self.ended:
            connection.abort()
        self.ended = True

    def end(self, error: HostlerError | None) -> None:
        """The answer is over; the owner hears of it once."""
        if not self.ended:
            self.ended = True
            self.owner.over(error)

    # system.upstream.Receiver

    def on_head(self, status: int, headers: Headers) -> None:
        """The response head came."""
        self.status = status
        if FIRST_ELSEWHERE <= status < FIRST_ERROR:
            # a client that follows would take its key and its words to wherever the upstream says
            self.give_up(
                UpstreamGarbled(f"The upstream answered {status} and so sends us elsewhere; check its base URL.")
            )
        elif status < FIRST_ERROR:
            try:
                self.on_good_head(headers)
            except HostlerError as error:
                self.give_up(error)
        else:
            self._headers = headers
            self.inflate = inflate_for(next((value for name, value in headers if name == b"content-encoding"), b""))

    def on_body(self, data: bytes) -> None:
        """More of the body came."""
        raise NotImplementedError

    def on_complete(self) -> None:
        """The response is whole."""
        if not self.ended:
            self._end_by(self._good_end)

    def on_whole(self, known: KnownReply, body: bytes) -> None:
        """The whole of a response came at once, with a head from before."""
        self.on_head(known.status, known.headers)
        if not self.ended:
            self.on_body(body)
            self.on_complete()

    def on_failed(self, error: UpstreamError) -> None:
        """The response broke."""
        self.end(error)

    def _end_by(self, finish: Callable[..., HostlerError | None], *arguments: bytes) -> None:
        try:
            error = finish(*arguments)
        except HostlerError as raised:
            error = raised
        except Exception:  # noqa: BLE001  # an edge: a bug of ours in reading a reply must not leave its client waiting
            _log.exception("the reply to call %s could not be read", self.call.id)
            error = HostlerError("hostler failed at reading this reply; its log says why.")
        if not self.ended:
            self.ended = True
            self.owner.over(error)

    def _good_end(self) -> HostlerError | None:
        if self.status >= FIRST_ERROR:
            return self._refusal()
        if self.inflate is not None and not self.inflate.whole:
            return UpstreamBroken("The upstream's compressed reply ended before its end.")
        return self.on_good_end()

    def _refusal(self) -> HostlerError:
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in self._headers}
        try:
            return self.candidate.provider.codec.decode_error(self.status, headers, self.take())
        except HostlerError as error:
            return UpstreamGarbled(f"The upstream answered {self.status}, and: {error.message}")

    def _record(  # signature: positions, since a name costs every request time
        self, status: int, outcome: Outcome, error: str | None, final: bool
    ) -> None:
        started, first, usage, waited = self.started, self.first_byte, self.usage, self.waited
        way = self.way
        cost = way.cost
        if cost is None and (way.price is not None or usage.cost is not None):
            cost = cost_of(way.price, usage)
        self.ledger.end(
            End(
                self.call.id, self.number, status, outcome, final,
                int((first - started) * 1e6) if first else None, int((perf_counter() - started) * 1e6),
                usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning, cost, error,
                ",".join(self.dropped) if self.dropped else None, int(waited * 1e6) if waited else 0,
            )
        )  # fmt: skip
