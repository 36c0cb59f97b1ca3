"""The answer to one HTTP call, in the shape of the face that was called.

Knows: our response headers, how a face spells errors and keep-alives, whether anything was sent yet.
Does not know: upstreams, candidates' connections.
"""

import time
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from hostler.core.requests import Asked, ChatRequest
from hostler.core.wires import Wire
from hostler.errors import EngineMissing, HostlerError, ModelFileError, ProviderNotReady, UpstreamRefused, WireError
from hostler.routing.call import Headers, Way, header_text
from hostler.system.http_server import Exchange
from hostler.wire.codec import Codec, StreamEncoder
from hostler.wire.codecs import codec_of
from hostler.wire.fields import as_members, parse_object

X_REQUEST_ID = b"x-request-id"
JSON_TYPE = (b"content-type", b"application/json")
_STATUS_LINES = {s.value: b"HTTP/1.1 %d %b\r\n" % (s.value, s.phrase.encode()) for s in HTTPStatus}
JSON_HEAD = _STATUS_LINES[200] + b"content-type: application/json\r\n"
_FOR_A_PERSON = (ProviderNotReady, EngineMissing, ModelFileError)
_LINES: Final = b"application/x-ndjson"
_PASSED_ON = ("retry-after", "retry-after-ms", "x-should-retry")


class Answer:
    """Writes to the client. `started`: the head is out; `forwarded`: bytes of an upstream's reply are out.

    `way` and `number` tell of the attempt that is under way (0: none yet). `extra`: headers that the gateway
    adds to every answer of this exchange (CORS); `events`: a stream is one of events; `since`: when a waiting stream
    was last given a sign of life; `passed`: the last bytes that went out as they came, and so may end within a frame.
    """

    __slots__ = (
        "dropped", "events", "exchange", "extra", "face", "forwarded", "number", "passed", "request_id", "since",
        "started", "way",
    )  # fmt: skip

    since: float
    way: Way

    def __init__(  # signature: positions, since a name costs every request time
        self, exchange: Exchange, face: Wire, request_id: str, extra: Headers
    ) -> None:
        self.exchange = exchange
        self.face: Wire = face
        self.request_id = request_id
        self.extra = extra
        self.number = 0
        self.dropped: tuple[str, ...] = ()
        self.started = self.forwarded = False
        self.passed = b""
        self.events = True

    @property
    def codec(self) -> Codec:
        """The face's codec."""
        return codec_of(self.face)

    def asked(self, request: ChatRequest | None = None) -> Asked:
        """What encoders echo; `request` is the client's, once it was decoded."""
        return Asked(model="", id=self.request_id, created=int(time.time()), request=request)

    def own_headers(self) -> Headers:
        """The headers that are ours: request id, and once an upstream was tried, which and at which attempt."""
        headers: Headers = [(X_REQUEST_ID, self.request_id.encode()), *self.extra]
        if self.number:
            headers.append((b"x-hostler-model", header_text(self.way.candidate.model_id)))
            headers.append((b"x-hostler-attempts", b"%d" % self.number))
        if self.dropped:
            headers.append((b"x-hostler-dropped", header_text(",".join(self.dropped))))
        return headers

    def face_id(self) -> Headers:
        """The request id once more, for clients of a face that look for it elsewhere (not on a pass-through)."""
        name = self.codec.REQUEST_ID
        return [] if name == X_REQUEST_ID else [(name, self.request_id.encode())]

    def whole(self, head: bytes, body: bytes) -> None:
        """Send a whole reply in one write; `head` is its status line and header lines, as an upstream gave them."""
        self.started = self.forwarded = True
        exchange = self.exchange
        if self.extra or self.dropped or self.number != 1:
            head += self._own_lines()
        else:  # nearly always
            head = b"%bx-request-id: %b\r\n%b" % (head, self.request_id.encode(), self.way.lines)
        if not exchange.keep_alive or exchange.head.http_10:
            head += b"connection: close\r\n"
        exchange.respond_raw(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))

    def start(self, status: int, headers: Headers) -> None:
        """Send the head of a streamed answer, unless a keep-alive did so before."""
        if not self.started:
            self.started = True
            self.exchange.start(status, headers + self.own_headers())

    def pass_on(self, head: bytes) -> None:
        """Send the head of a streamed answer as an upstream gave it, unless a keep-alive did so before."""
        if not self.started:
            self.started = True
            self.exchange.start_raw(head + self._own_lines())

    def _own_lines(self) -> bytes:
        if self.extra or self.dropped or self.number != 1:
            return b"".join([b"%b: %b\r\n" % header for header in self.own_headers()])
        return b"x-request-id: %b\r\n%b" % (self.request_id.encode(), self.way.lines)  # nearly always

    def start_stream(self) -> None:
        """Send the head of an event stream of the face."""
        if not self.started:
            kind = JSON_TYPE if self.asked().as_array else (b"content-type", self.codec.STREAM_TYPE)
            self.start(200, [kind, (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"), *self.face_id()])

    def keep_alive(self) -> None:
        """Tell a waiting stream client that its call lives; begins the answer if need be."""
        if not self.exchange.disconnected:
            self.start_stream()
            self.exchange.write(self.codec.KEEPALIVE)  # an empty one is left out

    def fail(self, error: HostlerError) -> None:
        """End with an error: a reply if nothing was sent yet, else in-band and then close; a cut where none fits in."""
        exchange = self.exchange
        if exchange.disconnected:
            return
        if not self.started:
            self.started = True
            headers = [JSON_TYPE, *retry_headers(error), *self.own_headers(), *self.face_id()]
            body = self._upstreams_body(error) or self.codec.encode_error(error, self.request_id)
            exchange.respond(error.status, headers, body)
            return
        if not self.events:
            exchange.abort()
            return
        exchange.keep_alive = False
        exchange.end(self._frame_end() + self.broken_stream().fail(error))

    def broken_stream(self) -> StreamEncoder:
        """What writes the error that ends a stream: it goes on where the stream stopped."""
        return self.codec.stream_encoder(replace(self.asked(), passed=self.passed))

    def _frame_end(self) -> bytes:
        """What ends a frame that was cut. Readers of lines fall over an empty one; readers of events need it."""
        if self.codec.STREAM_TYPE == _LINES:
            return b"" if self.passed.endswith(b"\n") or not self.passed else b"\n"
        return b"\n\n" if self.passed else b""

    def _upstreams_body(self, error: HostlerError) -> bytes:
        """The upstream's own error body, if it is one of the face's wire: nobody tells it better."""
        if not isinstance(error, UpstreamRefused) or not self.number:
            return b""
        return error.body if self.way.candidate.provider.wire == self.face and _tells(error.body) else b""


def status_line(status: int) -> bytes:
    """The first line of a reply."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d Answer\r\n" % status


def _tells(body: bytes) -> bool:
    """Whether an error body is one that clients can read: of any wire with a pass-through, in this much alike."""
    try:
        told = parse_object(body)
    except WireError:
        return False
    return isinstance(as_members(told.get("error")).get("message"), str)


def retry_headers(error: HostlerError) -> Headers:
    """Retry hints: the upstream's own where it gave some, else ours in whole seconds."""
    if isinstance(error, UpstreamRefused):
        passed = [(k.encode(), header_text(v)) for k, v in error.headers.items() if k in _PASSED_ON or "ratelimit" in k]
        if passed:
            return passed
    if error.retry_after is None:
        # SDKs repeat what is answered with 5xx; what a person must mend first is not worth it
        return [(b"x-should-retry", b"false")] if isinstance(error, _FOR_A_PERSON) else []
    return [(b"retry-after", b"%d" % max(1, round(error.retry_after)))]
