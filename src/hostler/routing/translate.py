"""One attempt whose upstream speaks another wire than the client: bytes in, deltas out.

Knows: codecs, when a reply is whole. Does not know: who takes the deltas (a `DeltaSink`), queues, retries.
"""

from collections.abc import Sequence
from typing import Protocol

from hostler.core.deltas import Delta, Failed, ReasoningSealed, ReplyBuilder, ToolCallStarted, UsageDelta, unfold
from hostler.core.messages import Origin
from hostler.errors import HostlerError, UpstreamGarbled
from hostler.routing.call import Attempt, Headers
from hostler.routing.opaque import OpaqueStore
from hostler.routing.receiver import FIRST_ERROR, AttemptReceiver, Done
from hostler.system.upstream import UpstreamConnection
from hostler.wire.codec import StreamDecoder
from hostler.wire.codecs import codec_of

_KEPT = frozenset({ReasoningSealed, ToolCallStarted})
"""All that the opaque store needs of a stream: sealed blocks, and which call they led to."""
LARGEST_REPLY = 64 << 20
"""Bytes of a non-streamed reply that is held for translation."""


class DeltaSink(Protocol):
    """Takes a reply as deltas, in batches as they arrive; `finish` after the last one of a good reply."""

    def deltas(self, batch: Sequence[Delta], receiver: AttemptReceiver) -> None: ...
    def finish(self) -> None: ...


class Translate(AttemptReceiver):
    """Decodes an upstream's reply for a sink."""

    __slots__ = ("_decoder", "_keeper", "_kept", "_sink", "_stream", "saw_deltas")

    def __init__(
        self, attempt: Attempt, connection: UpstreamConnection, done: Done, *, sink: DeltaSink, keeper: OpaqueStore
    ) -> None:
        super().__init__(attempt, connection, done)
        self.saw_deltas = False
        self._sink = sink
        self._keeper = keeper
        self._stream = False
        self._decoder: StreamDecoder | None = None
        self._kept = ReplyBuilder()

    def on_good_head(self, headers: Headers) -> None:
        kind = next((v for n, v in headers if n == b"content-type"), b"").split(b";")[0].strip().lower()
        codec = codec_of(self.attempt.candidate.provider.wire)
        if kind == codec.STREAM_TYPE:
            self._decoder = codec.stream_decoder()
        elif kind not in (b"application/json", b""):
            shown = kind.decode("latin-1")[:80]
            raise UpstreamGarbled(f"The upstream answered with content type '{shown}' where JSON was expected.")

    def on_body(self, data: bytes) -> None:
        if self.first_byte == 0.0:
            self.note_first_byte()
        if self.status >= FIRST_ERROR or self._decoder is None:
            self.collect(data)
            if self.size > LARGEST_REPLY:
                self.give_up(UpstreamGarbled(f"The upstream's reply is longer than {LARGEST_REPLY >> 20} MiB."))
            return
        try:
            batch = self._decoder.feed(data)
        except HostlerError as error:
            self.give_up(error)
            return
        if batch:
            self._pass_on(batch)

    def on_good_end(self) -> HostlerError | None:
        if self._decoder is None:
            reply = codec_of(self.attempt.candidate.provider.wire).decode_response(self.take())
            error = self._pass_on(unfold(reply))
            kept = reply.parts
        else:
            error = self._pass_on(self._decoder.flush())
            kept = self._kept.reply().parts
        if error is not None:
            return error
        self._keeper.keep(self.attempt.call.key_id, self._origin(), kept)
        self.settle()
        self._sink.finish()
        return None

    def _pass_on(self, batch: Sequence[Delta]) -> HostlerError | None:
        """Hand a batch on; an error within it ends the attempt."""
        error: HostlerError | None = None
        for i, delta in enumerate(batch):
            kind = type(delta)
            if kind is UsageDelta:
                self.usage = self.usage.replaced_by(delta.usage)  # pyright: ignore[reportAttributeAccessIssue]
            elif kind is Failed:
                error = delta.error  # pyright: ignore[reportAttributeAccessIssue]
                batch = batch[:i]
                break
            elif kind in _KEPT:
                self._kept.add(delta)
        if batch:
            self.saw_deltas = True
            self._sink.deltas(batch, self)
        if error is not None:
            self.give_up(error)
        return error

    def _origin(self) -> Origin:
        candidate = self.attempt.candidate
        return Origin(candidate.provider.id, candidate.provider.wire, candidate.model)
