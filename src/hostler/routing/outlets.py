"""Where a call's answer goes, as dispatch sees it: an HTTP client, or whoever iterates over deltas.

Knows: which kind of attempt suits a candidate, and how deltas become a face's bytes. Does not know: queues, retries.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hostler.core.deltas import Delta, ReplyBuilder
from hostler.core.requests import Asked, ChatRequest
from hostler.core.wires import Wire
from hostler.errors import Cancelled, HostlerError
from hostler.registry.resolver import Candidate
from hostler.routing.answer import JSON_LINE, Answer
from hostler.routing.attempt import Attempt
from hostler.routing.call import Call
from hostler.routing.opaque import OpaqueStore
from hostler.routing.relay import Relay
from hostler.routing.translate import Translate
from hostler.system.eager import Eager
from hostler.system.http_server import Exchange
from hostler.wire.codec import StreamEncoder
from hostler.wire.scan import BodyScanner


class Outlet(Protocol):
    """Takes one call's answer, over as many attempts as it needs.

    `forwarded`: bytes of an upstream have reached the client; from then on no attempt may follow.
    """

    @property
    def forwarded(self) -> bool: ...
    def attempt(self, candidate: Candidate, number: int) -> Attempt: ...
    def fail(self, error: HostlerError) -> None: ...


class HttpOutlet(Answer):
    """Answers an HTTP client: by pass-through where the wires match, else translated to the face.

    `call` is set once the request was read; until then only `fail` makes sense.
    """

    __slots__ = ("_builder", "_encoder", "_keeper", "_request", "_scanner", "call")

    def __init__(self, exchange: Exchange, face: Wire, *, request_id: str, tools: "Tools") -> None:
        super().__init__(exchange, face, request_id=request_id)
        self._keeper = tools.keeper
        self._scanner = tools.scanner
        self._request: ChatRequest | None = None
        self._encoder: StreamEncoder | None = None
        self._builder: ReplyBuilder | None = None
        self.call: Call

    def attempt(self, candidate: Candidate, number: int) -> Attempt:
        call = self.call
        self.candidate, self.number = candidate, number
        # everything but chat has one shape each; servers that count tokens all do it in the same one
        if call.operation != "chat" or candidate.provider.wire == call.face:
            return Relay(call, candidate, number=number, answer=self, scanner=self._scanner)
        return Translate(call, candidate, number=number, sink=self, keeper=self._keeper)

    # translate.DeltaSink

    def request(self) -> ChatRequest:
        """The client's request, decoded when a translation first needs it."""
        if self._request is None:
            self._request = self.codec.decode_request(self.call.body)
        return self._request

    def take_dropped(self, names: tuple[str, ...]) -> None:
        """What the candidate's wire cannot express."""
        self.dropped = names

    def deltas(self, batch: Sequence[Delta], attempt: Attempt) -> None:
        """Encode for the face: at once for a stream, at the end for a whole reply."""
        if not self.call.stream:
            builder = self._builder
            if builder is None:
                builder = self._builder = ReplyBuilder()
            for delta in batch:
                builder.add(delta)
            return
        encoder = self._encoder
        if encoder is None:
            encoder = self._encoder = self.codec.stream_encoder(self._asked())
            self.forwarded = True
            self.start_stream()
            self.exchange.on_writable = attempt.connection.set_reading
        self.exchange.write(encoder.encode(batch))

    def finish(self, attempt: Attempt) -> None:
        """The last bytes of a good answer."""
        if self.call.stream:
            encoder = self._encoder or self.codec.stream_encoder(self._asked())
            self.start_stream()
            last = encoder.finish()
            self._settle(attempt, encoder.dropped)
            self.exchange.end(last)
            return
        reply = (self._builder or ReplyBuilder()).reply()
        encoded = self.codec.encode_response(reply, self._asked())
        self._settle(attempt, encoded.dropped)
        self.whole(200, JSON_LINE + b"".join([b"%b: %b\r\n" % h for h in self.face_id()]), body=encoded.body)

    def _settle(self, attempt: Attempt, dropped: Iterable[str]) -> None:
        """Let the ledger's row and the header name what was lost on the way there and on the way back."""
        self.dropped = attempt.dropped = tuple(sorted({*self.dropped, *dropped}))
        attempt.settle()

    def _asked(self) -> Asked:
        include = self._request is None or self._request.include_usage
        return Asked(model=self.call.asked, id=self.request_id, created=int(time.time()), include_usage=include)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all HTTP outlets of a gateway share."""

    keeper: OpaqueStore
    scanner: BodyScanner


class DeltaOutlet:
    """Gives a reply's deltas to an iterator; always decodes, whatever wire the upstream speaks."""

    def __init__(self, call: Call, keeper: OpaqueStore) -> None:
        self._call = call
        self._keeper = keeper
        self._batches: asyncio.Queue[Sequence[Delta] | BaseException | None] = asyncio.Queue()
        self.forwarded = False
        self.dropped: tuple[str, ...] = ()

    def attempt(self, candidate: Candidate, number: int) -> Attempt:
        return Translate(self._call, candidate, number=number, sink=self, keeper=self._keeper)

    def request(self) -> ChatRequest:
        """The call's request."""
        assert self._call.request is not None
        return self._call.request

    def take_dropped(self, names: tuple[str, ...]) -> None:
        """What the candidate's wire cannot express."""
        self.dropped = names

    def deltas(self, batch: Sequence[Delta], attempt: Attempt) -> None:
        """Queue a batch; a model's pace needs no backpressure inside one process."""
        del attempt
        self.forwarded = True
        self._batches.put_nowait(batch)

    def finish(self, attempt: Attempt) -> None:
        """The reply is whole."""
        attempt.settle()
        self._batches.put_nowait(None)

    def fail(self, error: HostlerError) -> None:
        self._batches.put_nowait(error)

    def on_end(self, _running: Eager, error: BaseException | None) -> None:
        """Wake the iterator when the call did not come to an end of its own."""
        if isinstance(error, asyncio.CancelledError):
            self._batches.put_nowait(Cancelled("The call was cancelled."))
        elif error is not None:
            self._batches.put_nowait(error)

    async def next_batch(self) -> Sequence[Delta] | None:
        """The next deltas, None at the end of a good reply; raises the error of a failed one."""
        batch = await self._batches.get()
        if isinstance(batch, BaseException):
            raise batch
        return batch
