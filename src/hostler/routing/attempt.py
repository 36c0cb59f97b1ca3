"""One attempt at a call: what is sent, what came back so far, and its two lines in the ledger.

Knows: the shape of an upstream's answer over time, and the one moment it is settled. Does not know: where the bytes go
(relay, translate), queues and retries (dispatch).
"""

import logging
import time
from dataclasses import dataclass
from functools import lru_cache

from hostler.accounts.ledger import CallKind, End, Ledger, Outcome, encode_kind
from hostler.core.usage import UNKNOWN, Usage
from hostler.errors import Cancelled, HostlerError, Unsupported, UpstreamBroken, UpstreamError, UpstreamGarbled
from hostler.providers.provider import Header
from hostler.registry.resolver import Candidate
from hostler.routing.call import Call, Headers
from hostler.routing.inflate import Inflate, inflate_for
from hostler.system.eager import Signal
from hostler.system.upstream import Door, Message, Patience, UpstreamConnection
from hostler.wire.codecs import codec_of

_log = logging.getLogger(__name__)
LARGEST_ERROR = 256 * 1024
"""Bytes of an error body that are read; the rest is cut off."""
FIRST_ELSEWHERE = 300
FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Target:
    """Where one attempt goes: for an engine the address of the moment, for others the provider's own.

    `host` is the value of the Host header, `sent` the headers of every request, the key's among them.
    """

    door: Door
    host: bytes
    sent: tuple[Header, ...]
    patience: Patience


class Attempt(Signal[HostlerError | None]):
    """The `number`th try (from 1) of a call, at one candidate; a signal that is set when the answer is over.

    Its value is None after a good end, else the error. `settle` writes the ledger's line of a good end just before the
    last byte goes out. Times are perf_counter seconds.
    """

    __slots__ = (
        "_chunks", "_headers", "call", "candidate", "connection", "dropped", "first_byte", "inflate", "ledger", "model",
        "number", "settled", "size", "started", "status", "usage", "waited",
    )  # fmt: skip

    def __init__(self, call: Call, candidate: Candidate, *, number: int) -> None:
        super().__init__()
        self.call = call
        self.candidate = candidate
        self.number = number
        # an engine serves one model under whatever name: the asked one spares the splice
        self.model = candidate.model if candidate.recipe is None else call.asked
        self.status = 0
        self.usage: Usage = UNKNOWN
        self.first_byte = 0.0
        self.size = 0
        self.dropped: tuple[str, ...] = ()
        self.settled = False
        self.waited = 0.0
        self.inflate: Inflate | None = None
        self._chunks: list[bytes] = []
        self.connection: UpstreamConnection
        self.ledger: Ledger
        self.started: float

    # what dispatch does with it

    def message(self, target: Target) -> Message:
        """The whole request for the target."""
        raise NotImplementedError

    def begin(self, ledger: Ledger) -> None:
        """Write the attempt's first line; raises StorageError when the disk is full: then it must not be made."""
        call, candidate = self.call, self.candidate
        self.ledger = ledger
        self.started = time.perf_counter()
        kind = _kind(
            call.face, call.operation, candidate.model_id, candidate.provider.id, candidate.model, call.stream,
            call.key_id or None,
        )  # fmt: skip
        ledger.begin(call.id, self.number, time.time_ns(), kind)

    def close(self, error: HostlerError, *, final: bool) -> None:
        """Write the last line of an attempt that failed; `final`: the request is over with it."""
        if not self.settled:
            outcome: Outcome = "cancelled" if isinstance(error, Cancelled) else "error"
            self._record(error.status, outcome, error=error.code, final=final)

    def again(self) -> None:
        """Forget the answer that never began, for a second sending on a fresh connection."""
        self.is_set = False
        self.status = self.size = 0
        self.inflate = None
        self._chunks = []

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
        self._record(self.status, "ok", error=None, final=True)

    def collect(self, data: bytes) -> None:
        """Keep bytes; an error body that has come to LARGEST_ERROR is over."""
        if self.status >= FIRST_ERROR:
            data = data[: LARGEST_ERROR - self.size]
        self._chunks.append(data)
        self.size += len(data)
        if self.status >= FIRST_ERROR and self.size >= LARGEST_ERROR:
            self.give_up(self._refusal())

    def take(self) -> bytes:
        """What was kept, and forget it."""
        chunks, self._chunks = self._chunks, []
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
        self.connection.abort()
        self.set(error)

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
        if self.is_set:
            return
        try:
            error = self._end()
        except HostlerError as raised:
            error = raised
        except Exception:  # noqa: BLE001  # an edge: a bug of ours in reading a reply must not leave its client waiting
            _log.exception("the reply to call %s could not be read", self.call.id)
            error = HostlerError("hostler failed at reading this reply; its log says why.")
        self.set(error)

    def on_failed(self, error: UpstreamError) -> None:
        """The response broke."""
        self.set(error)

    def _end(self) -> HostlerError | None:
        if self.status >= FIRST_ERROR:
            return self._refusal()
        if self.inflate is not None and not self.inflate.whole:
            return UpstreamBroken("The upstream's compressed reply ended before its end.")
        return self.on_good_end()

    def _refusal(self) -> HostlerError:
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in self._headers}
        try:
            return codec_of(self.candidate.provider.wire).decode_error(self.status, headers, self.take())
        except HostlerError as error:
            return UpstreamGarbled(f"The upstream answered {self.status}, and: {error.message}")

    def _record(self, status: int, outcome: Outcome, *, error: str | None, final: bool) -> None:
        started, first, usage = self.started, self.first_byte, self.usage
        self.ledger.end(
            End(
                self.call.id, self.number, status, outcome, final,
                int((first - started) * 1e6) if first else None, int((time.perf_counter() - started) * 1e6),
                usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning,
                0.0 if self.candidate.provider.local else None, error, ",".join(self.dropped) or None,
                int(self.waited * 1e6),
            )
        )  # fmt: skip


@lru_cache(maxsize=1024)
def _kind(
    face: str, operation: str, model: str, provider: str, upstream: str, stream: bool, key: str | None
) -> bytes:  # signature: all that a kind is made of, as the cache's key
    return encode_kind(CallKind(face, operation, model, provider, upstream, stream, key))


def path_of(attempt: Attempt) -> str:
    """Where on the upstream the operation is; raises Unsupported when it has no such thing."""
    provider, operation = attempt.candidate.provider, attempt.call.operation
    path = provider.paths.get(operation)
    if path is None:
        raise Unsupported(f"Provider '{provider.id}' has no way to do {operation.replace('_', ' ')}.")
    return path
