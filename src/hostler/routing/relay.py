"""One attempt whose upstream speaks the face's own wire: bytes pass through.

Knows: which headers travel, when a reply is small enough to echo the model's name, where usage is looked for.
Does not know: queues, retries, the ledger (dispatch).
"""

import zlib

from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.routing.answer import Answer
from hostler.routing.call import Attempt, Headers
from hostler.routing.receiver import FIRST_ERROR, AttemptReceiver, Done
from hostler.system.upstream import UpstreamConnection
from hostler.wire.meter import Meter, read_reply, stream_meter
from hostler.wire.scan import StreamEcho, echo_model

LARGEST_ECHO = 1 << 20
"""Bytes up to which a reply is held to write the asked model into it; a larger one is streamed as it comes."""
_EVENTS = b"text/event-stream"
_NOT_FOR_CLIENTS = frozenset(
    {
        b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"proxy-authenticate", b"proxy-connection",
        b"te", b"trailer", b"upgrade", b"set-cookie", b"x-request-id", b"alt-svc", b"strict-transport-security",
        b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-allow-methods",
        b"access-control-allow-headers", b"access-control-expose-headers", b"access-control-max-age", b"server",
    }
)  # fmt: skip
"""Headers that belong to one hop, or that would let an upstream speak for us."""
_NOT_FOR_UPSTREAMS = frozenset(
    {
        b"host", b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"trailer", b"upgrade",
        b"transfer-encoding", b"content-length", b"content-type", b"expect", b"accept-encoding", b"authorization",
        b"x-api-key", b"x-goog-api-key", b"cookie", b"origin", b"referer", b"forwarded", b"x-forwarded-for",
        b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-real-ip", b"x-request-id", b"via",
        b"access-control-request-method", b"access-control-request-headers",
    }
)  # fmt: skip
"""Headers that are ours to set, or that tell of the client what the upstream must not learn."""


def client_headers(headers: Headers) -> bytes:
    """The client's headers that travel on, serialised; those of the wire and unknown ones among them."""
    return b"".join(
        [
            b"%b: %b\r\n" % (name, value)
            for name, value in headers
            if name not in _NOT_FOR_UPSTREAMS and not name.startswith((b"sec-", b"x-hostler-"))
        ]
    )


class Relay(AttemptReceiver):
    """Forwards an upstream's reply; see the module."""

    __slots__ = ("_answer", "_echo", "_inflate", "_meter", "_passed", "_streaming", "_unframed")

    def __init__(self, attempt: Attempt, answer: Answer, connection: UpstreamConnection, done: Done) -> None:
        super().__init__(attempt, connection, done)
        self._answer = answer
        self._meter: Meter | None = None
        self._passed: Headers = []
        self._streaming = False
        self._unframed = False
        self._inflate: _Inflate | None = None
        self._echo: StreamEcho | None = None

    def on_good_head(self, headers: Headers) -> None:
        kind = b""
        for name, value in headers:
            if name == b"content-type":
                kind = value
            elif name == b"content-encoding":
                self._inflate = _inflate_for(value)
        inflating = self._inflate is not None
        self._passed = [
            (n, v) for n, v in headers if n not in _NOT_FOR_CLIENTS and not (inflating and n == b"content-encoding")
        ]
        if kind.startswith(_EVENTS):
            self._unframed = not any(n in (b"transfer-encoding", b"content-length") for n, _ in headers)
            self._meter = stream_meter(self._answer.face)
            candidate, asked = self.attempt.candidate, self.attempt.call.asked
            if candidate.recipe is not None and asked != candidate.model_id:
                self._echo = StreamEcho(candidate.model_id, asked)
            self._begin_stream()

    def on_body(self, data: bytes) -> None:
        if self.first_byte == 0.0:
            self.note_first_byte()
        if self._inflate is not None and self.status < FIRST_ERROR:
            data = self._inflate.feed(data)
            if not data:
                return
        if self._streaming:
            if self._echo is not None:
                data = self._echo.feed(data)
            answer = self._answer
            answer.forwarded = True
            answer.exchange.write(data)
            if self._meter is not None:
                self._meter.feed(data)
                self.usage = self._meter.usage
        else:
            self.collect(data)
            if self.size > LARGEST_ECHO and self.status < FIRST_ERROR:
                self._begin_stream()
                self._answer.forwarded = True
                self._answer.exchange.write(self.take())

    def on_good_end(self) -> HostlerError | None:
        if self._streaming and self._unframed and self._meter is not None and not self._meter.ended:
            # without framing only the wire's own end mark tells a whole stream from a broken one
            return UpstreamBroken("The upstream closed the connection in the middle of its stream.")
        if self._streaming:
            self.settle()
            self._answer.exchange.end(b"" if self._echo is None else self._echo.flush())
            return None
        body = self.take()
        reading = read_reply(self._answer.face, body)
        self.usage = reading.usage
        self.settle()
        asked = self.attempt.call.asked
        if reading.model is not None and reading.model != asked:
            body = echo_model(body, reading.model, asked)
        self._answer.whole(self.status, self._passed, body)
        return None

    def _begin_stream(self) -> None:
        self._streaming = True
        self._answer.exchange.on_writable = self._flow
        self._answer.start(self.status, self._passed)

    def _flow(self, writable: bool) -> None:
        """Backpressure: a client that reads slowly slows its upstream down."""
        if writable:
            self.connection.resume_reading()
        else:
            self.connection.pause_reading()


class _Inflate:
    """Undoes gzip or deflate as it comes; identity was asked for, but some upstreams compress all the same."""

    __slots__ = ("_stream",)

    def __init__(self, window: int) -> None:
        self._stream = zlib.decompressobj(window)

    def feed(self, data: bytes) -> bytes:
        try:
            return self._stream.decompress(data)
        except zlib.error as error:
            raise UpstreamGarbled(f"The upstream's compressed reply is damaged: {error}.") from None


def _inflate_for(coding: bytes) -> _Inflate | None:
    """A decoder for the codings of the standard library; others pass through as they are, without usage."""
    coding = coding.strip().lower()
    if coding in (b"gzip", b"x-gzip", b"deflate"):
        return _Inflate(zlib.MAX_WBITS | 32)  # 32: detect gzip or zlib by the header
    return None
