"""An attempt whose upstream speaks another wire than the client: a request encoded, bytes in, deltas out.

Knows: codecs, when a reply is whole, whose opaque state may be sent. Does not know: who takes the deltas (a
`DeltaSink`), queues, retries.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Protocol

from hostler.core.deltas import Delta, Failed, ReasoningSealed, ReplyBuilder, UsageDelta
from hostler.core.fitting import fitted, window_to_ask
from hostler.core.history import repair
from hostler.core.messages import Part
from hostler.core.requests import ChatRequest, Reply
from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT, OPENAI_RESPONSES
from hostler.errors import HostlerError, UpstreamGarbled
from hostler.routing.attempt import FIRST_ERROR, Attempt
from hostler.routing.call import Call, Headers, Target, Way
from hostler.routing.inflate import inflate_for
from hostler.routing.opaque import OpaqueStore
from hostler.routing.requests import request_head, whole_request
from hostler.system.upstream import Message
from hostler.wire.codec import StreamDecoder
from hostler.wire.dialects import Dialect
from hostler.wire.tool_names import Images, accepted_names, own_names, with_own_names

_log = logging.getLogger(__name__)
_SEALING = (ANTHROPIC, GEMINI, OPENAI_RESPONSES)
"""Wires with opaque state in texts and calls too; on others it comes before both, if at all, or with calls."""
LARGEST_REPLY = 64 << 20
"""Bytes of a non-streamed reply that is held for translation."""
_EVENTS = b"text/event-stream"


class DeltaSink(Protocol):
    """Takes a reply as deltas, in batches as they arrive, or whole; `finish`, after a good one, settles the attempt."""

    def request(self) -> ChatRequest: ...
    def take_dropped(self, names: tuple[str, ...]) -> None: ...
    def deltas(self, batch: Sequence[Delta], attempt: Attempt) -> None: ...
    def whole(self, reply: Reply, attempt: Attempt) -> None: ...
    def finish(self, attempt: Attempt) -> None: ...


class Translate(Attempt):
    """Encodes the sink's request for the candidate's wire, and decodes the reply for the sink."""

    __slots__ = ("_decoder", "_images", "_keeper", "_kept", "_sink")

    def __init__(self, call: Call, way: Way, *, number: int, sink: DeltaSink, keeper: OpaqueStore) -> None:
        super().__init__(call, way, number)
        self._sink = sink
        self._keeper = keeper
        self._decoder: StreamDecoder | None = None
        self._images: Images = {}
        self._kept = ReplyBuilder() if way.candidate.provider.wire in _SEALING else None
        """What the opaque store may keep: the whole reply where state stands in any place, else from the first on."""

    def message(self, target: Target) -> Message:
        way, provider = self.way, self.candidate.provider
        request, lost = self._fitted(self._sink.request())
        repaired = repair(self._keeper.restore(self.call.plan.key_id, way.origin, messages=request.messages))
        if repaired.repairs:
            _log.info("call %s: the history was repaired: %s", self.call.id, "; ".join(repaired.repairs))
        streams = way.streams or (
            provider.dialect.thinking_stream_only and request.reasoning is not None and request.reasoning.wanted
        )
        request = replace(request, messages=repaired.messages, model=way.model, stream=streams, include_usage=True)
        request, self._images = accepted_names(request, provider.dialect, wire=provider.wire)
        encoded = provider.codec.encode_request(request, self._dialect(request))
        if provider.dialect.reasoning_back != "never" or (request.tools and provider.wire == OPENAI_CHAT):
            self._kept = ReplyBuilder()
        self.dropped = tuple(sorted({*encoded.dropped, *lost})) if lost else encoded.dropped
        self._sink.take_dropped(self.dropped)
        if provider.program is not None:
            return encoded.body
        return whole_request(request_head(way, target, lines=provider.asks(way.model, stream=streams)), encoded.body)

    def _fitted(self, request: ChatRequest) -> tuple[ChatRequest, tuple[str, ...]]:
        """The request as the model can take it, and what it loses thereby."""
        candidate = self.candidate
        longest, usual = candidate.facts.max_output, candidate.provider.dialect.max_tokens_default
        if request.max_tokens is None and longest is not None and usual is not None and longest.value < usual:
            request = replace(request, max_tokens=longest.value)
        return (request, ()) if candidate.limits is None else fitted(candidate.limits, request)

    def _dialect(self, request: ChatRequest) -> Dialect:
        """The provider's, with the window that this request needs where a server must be told."""
        dialect = self.candidate.provider.dialect
        if dialect.usual_ctx is None or dialect.num_ctx is not None:
            return dialect
        window = window_to_ask(self.candidate.facts.context_window, request, usual=dialect.usual_ctx)
        return dialect if window is None else replace(dialect, num_ctx=window)

    def on_good_head(self, headers: Headers) -> None:
        kind = b""
        for name, value in headers:
            if name == b"content-type":
                kind = value.split(b";")[0].strip().lower()
            elif name == b"content-encoding":
                self.inflate = inflate_for(value)
        provider = self.candidate.provider
        codec = provider.codec
        if kind in (_EVENTS, codec.STREAM_TYPE.partition(b";")[0]):
            self._decoder = codec.stream_decoder(provider.dialect)
        elif kind not in (b"application/json", b""):
            shown = kind.decode("latin-1")[:80]
            raise UpstreamGarbled(f"The upstream answered with content type '{shown}' where JSON was expected.")

    def on_body(self, data: bytes) -> None:
        if self.first_byte == 0.0:
            self.first_byte = perf_counter()
        if self.inflate is not None:
            data = self.inflated(data)
            if not data:
                return
        if self.status >= FIRST_ERROR or self._decoder is None:
            self.collect(data)
            if self.size > LARGEST_REPLY:
                self.give_up(_too_long())
            return
        if not self.call.plan.stream:  # the sink keeps all of it
            self.size += len(data)
            if self.size > LARGEST_REPLY:
                self.give_up(_too_long())
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
            provider = self.candidate.provider
            reply = provider.codec.decode_response(self.take(), provider.dialect)
            if self._images:
                reply = replace(reply, parts=own_names(reply.parts, self._images))
            parts, self.usage = reply.parts, reply.usage
            self._sink.whole(reply, self)
        else:
            error = self._pass_on(self._decoder.flush())
            if error is not None:
                return error
            parts = self._said()
        self._keep(parts)
        self._sink.finish(self)
        return None

    def close(self, error: HostlerError, *, final: bool) -> None:
        """Some clients go on from a reply that broke off: they run the calls that came, and bring the results."""
        self._keep(self._said())
        super().close(error, final=final)

    def _said(self) -> Sequence[Part]:
        """The streamed reply as far as it came, where some of it may be wanted again."""
        return () if self._kept is None else self._kept.reply().parts

    def _keep(self, parts: Sequence[Part]) -> None:
        readable = self.candidate.provider.dialect.reasoning_back != "never"
        if parts:
            behind = self._sink.request().messages
            self._keeper.keep(self.call.plan.key_id, self.way.origin, parts=parts, behind=behind, readable=readable)

    def _pass_on(self, batch: Sequence[Delta]) -> HostlerError | None:
        """Hand a batch on; an error within it ends the attempt."""
        error: HostlerError | None = None
        if self._images:
            batch = with_own_names(batch, self._images)
        for i, delta in enumerate(batch):
            if isinstance(delta, UsageDelta):
                self.usage = self.usage.replaced_by(delta.usage)
            elif isinstance(delta, Failed):
                error = delta.error
                batch = batch[:i]
                break
            elif self._kept is not None:
                self._kept.add(delta)
            elif isinstance(delta, ReasoningSealed):
                self._kept = ReplyBuilder()
                self._kept.add(delta)
        if batch:
            self._sink.deltas(batch, self)
        if error is not None:
            self.give_up(error)
        return error


def _too_long() -> UpstreamGarbled:
    return UpstreamGarbled(f"The upstream's reply is longer than {LARGEST_REPLY >> 20} MiB.")
