"""Where a call's answer goes, as dispatch sees it: an HTTP client, or whoever iterates over deltas.

Knows: what is sent to an upstream for an attempt, and which receiver takes its answer. Does not know: queues, retries.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from hostler.core.deltas import Delta, ReplyBuilder
from hostler.core.messages import Origin
from hostler.core.requests import Asked, ChatRequest
from hostler.core.wires import OPENAI_CHAT
from hostler.errors import Cancelled, HostlerError, Unsupported
from hostler.providers.provider import Header
from hostler.routing.answer import JSON_TYPE, Answer
from hostler.routing.call import Attempt, Call
from hostler.routing.opaque import OpaqueStore
from hostler.routing.receiver import AttemptReceiver, Done
from hostler.routing.relay import Relay, client_headers
from hostler.routing.translate import Translate
from hostler.system.address import Address
from hostler.system.eager import Eager
from hostler.system.upstream import Patience, UpstreamConnection
from hostler.wire import openai_chat
from hostler.wire.codec import StreamEncoder
from hostler.wire.codecs import codec_of
from hostler.wire.scan import BodyScanner


@dataclass(frozen=True, slots=True)
class Target:
    """Where one attempt goes: for an engine the address of the moment, for others the provider's own."""

    address: Address
    host: bytes
    sent: tuple[Header, ...]
    patience: Patience


class Outlet(Protocol):
    """Takes one call's answer, over as many attempts as it needs."""

    @property
    def forwarded(self) -> bool:
        """Whether bytes of an upstream have reached the client: from then on no attempt may follow."""
        ...

    def message(self, attempt: Attempt, target: Target) -> bytes: ...
    def receiver(self, attempt: Attempt, connection: UpstreamConnection, done: Done) -> AttemptReceiver: ...
    def fail(self, error: HostlerError) -> None: ...


@lru_cache(maxsize=1024)
def _request_head(path: str, host: bytes, sent: tuple[Header, ...]) -> bytes:
    """The part of a request head that is the same for every call of an operation at a target."""
    lines = [b"POST %b HTTP/1.1\r\nhost: %b\r\n" % (path.encode(), host)]
    lines += [b"%b: %b\r\n" % header for header in sent]
    lines.append(b"accept-encoding: identity\r\ncontent-type: application/json\r\n")
    return b"".join(lines)


def _message(attempt: Attempt, target: Target, others: bytes, body: bytes) -> bytes:
    provider, operation = attempt.candidate.provider, attempt.call.operation
    path = provider.path(operation)
    if path is None:
        raise Unsupported(f"Provider '{provider.id}' has no way to do {operation.replace('_', ' ')}.")
    head = _request_head(path, target.host, target.sent)
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (head, others, len(body), body)


def _defaults(attempt: Attempt) -> bytes:
    """Headers that the provider's wire demands and that the client did not send."""
    defaults = attempt.candidate.provider.defaults
    if not defaults:
        return b""
    given = {name for name, _ in attempt.call.headers}
    return b"".join([b"%b: %b\r\n" % (n, v) for n, v in defaults if n not in given])


class Relaying:
    """Builds what a pass-through sends: the client's bytes with the model's name spliced."""

    def __init__(self, scanner: BodyScanner) -> None:
        self._scanner = scanner

    def message(self, attempt: Attempt, target: Target) -> bytes:
        """The client's request, addressed to the target; every other byte of the body as it came."""
        call = attempt.call
        body = call.body
        provider = attempt.candidate.provider
        if attempt.model != call.asked:
            body = self._scanner.splice_model(body, call.asked, attempt.model)
        if call.operation == "chat" and not provider.dialect.named_tool_choice and b'"tool_choice"' in body:
            body = openai_chat.bridge_tool_choice(body)
        return _message(attempt, target, client_headers(call.headers) + _defaults(attempt), body)


def passes_through(attempt: Attempt) -> bool:
    """Whether client and upstream speak the same wire for this operation.

    Everything but chat has one shape each; servers of other wires that count tokens do it in the `anthropic` shape.
    """
    call = attempt.call
    return call.operation != "chat" or attempt.candidate.provider.wire == call.face


class Translating:
    """Builds what a translation sends, and keeps opaque state for clients that cannot carry it."""

    def __init__(self, keeper: OpaqueStore) -> None:
        self.keeper = keeper

    def encode(self, attempt: Attempt, request: ChatRequest, target: Target) -> tuple[bytes, tuple[str, ...]]:
        """The whole request for the target's wire, and the names of what that wire cannot express."""
        call, candidate = attempt.call, attempt.candidate
        provider = candidate.provider
        origin = Origin(provider.id, provider.wire, candidate.model)
        request = self.keeper.restore(call.key_id, origin, request)
        request = replace(request, model=attempt.model, include_usage=True)
        encoded = codec_of(provider.wire).encode_request(request, provider.dialect)
        defaults = b"".join([b"%b: %b\r\n" % header for header in provider.defaults])
        return _message(attempt, target, defaults, encoded.body), encoded.dropped


class HttpOutlet:
    """Answers an HTTP client: by pass-through where the wires match, else translated to the face."""

    def __init__(self, answer: Answer, call: Call, relaying: Relaying, translating: Translating) -> None:
        self._answer = answer
        self._call = call
        self._relaying = relaying
        self._translating = translating
        self._request: ChatRequest | None = call.request

    @property
    def forwarded(self) -> bool:
        return self._answer.forwarded

    def message(self, attempt: Attempt, target: Target) -> bytes:
        self._answer.attempt = attempt
        if passes_through(attempt):
            return self._relaying.message(attempt, target)
        if self._request is None:
            self._request = self._answer.codec.decode_request(self._call.body)
        message, self._answer.dropped = self._translating.encode(attempt, self._request, target)
        return message

    def receiver(self, attempt: Attempt, connection: UpstreamConnection, done: Done) -> AttemptReceiver:
        if passes_through(attempt):
            return Relay(attempt, self._answer, connection, done)
        include_usage = self._request is None or self._request.include_usage
        sink = _TranslatedAnswer(self._answer, self._call, include_usage=include_usage)
        return Translate(attempt, connection, done, sink=sink, keeper=self._translating.keeper)

    def fail(self, error: HostlerError) -> None:
        self._answer.fail(error)


class _TranslatedAnswer:
    """Encodes deltas for the face, as a stream or as one reply."""

    def __init__(self, answer: Answer, call: Call, *, include_usage: bool) -> None:
        self._answer = answer
        created = int(time.time())
        self._asked = Asked(model=call.asked, id=answer.request_id, created=created, include_usage=include_usage)
        self._encoder: StreamEncoder | None = answer.codec.stream_encoder(self._asked) if call.stream else None
        self._builder = ReplyBuilder()

    def deltas(self, batch: Sequence[Delta], receiver: AttemptReceiver) -> None:
        if self._encoder is None:
            for delta in batch:
                self._builder.add(delta)
            return
        answer = self._answer
        if not answer.forwarded:
            answer.forwarded = True
            answer.start_stream()
            connection = receiver.connection
            answer.exchange.on_writable = (
                lambda writable: connection.resume_reading() if writable else connection.pause_reading()
            )
        answer.exchange.write(self._encoder.encode(batch))

    def finish(self) -> None:
        answer = self._answer
        if self._encoder is not None:
            answer.start_stream()
            answer.exchange.end(self._encoder.finish())
            return
        encoded = answer.codec.encode_response(self._builder.reply(), self._asked)
        answer.dropped = tuple(sorted({*answer.dropped, *encoded.dropped}))
        answer.whole(200, [JSON_TYPE], encoded.body)


class DeltaOutlet:
    """Gives a reply's deltas to an iterator; always decodes, whatever wire the upstream speaks."""

    def __init__(self, call: Call, translating: Translating) -> None:
        assert call.request is not None
        self._request = call.request
        self._translating = translating
        self._batches: asyncio.Queue[Sequence[Delta] | BaseException | None] = asyncio.Queue()
        self.forwarded = False
        self.dropped: tuple[str, ...] = ()
        self.attempt: Attempt | None = None

    def message(self, attempt: Attempt, target: Target) -> bytes:
        self.attempt = attempt
        message, self.dropped = self._translating.encode(attempt, self._request, target)
        return message

    def receiver(self, attempt: Attempt, connection: UpstreamConnection, done: Done) -> AttemptReceiver:
        return Translate(attempt, connection, done, sink=self, keeper=self._translating.keeper)

    def deltas(self, batch: Sequence[Delta], receiver: AttemptReceiver) -> None:
        del receiver  # a model's pace needs no backpressure inside one process
        self.forwarded = True
        self._batches.put_nowait(batch)

    def finish(self) -> None:
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


__all__ = ["DeltaOutlet", "HttpOutlet", "Outlet", "Relaying", "Target", "Translating", "passes_through"]
