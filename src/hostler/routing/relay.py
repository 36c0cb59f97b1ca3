"""An attempt whose upstream speaks the face's own wire: bytes pass through, both ways.

Knows: which response headers travel, when a reply is small enough to echo the model's name, where usage is looked for.
Does not know: queues, retries.
"""

from time import perf_counter

import msgspec

from hostler.core.wires import ANTHROPIC
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.routing.answer import Answer, status_line
from hostler.routing.attempt import FIRST_ERROR, Attempt
from hostler.routing.call import Call, Headers, SeenHead, Target, Way
from hostler.routing.inflate import inflate_for
from hostler.routing.requests import request_head, whole_request
from hostler.system.upstream import KnownReply, Message
from hostler.wire import anthropic, openai_chat
from hostler.wire.form import find_model, is_form
from hostler.wire.meter import Meter, read_reply, stream_meter
from hostler.wire.scan import BodyScanner, StreamEcho

LARGEST_ECHO = 1 << 20
"""Bytes up to which a reply is held to write the asked model into it; a larger one is streamed as it comes."""
_STREAMS = (b"text/event-stream", b"application/x-ndjson")
_JSON_ENDS = (b"}", b"]")
_NO_CONTENT = (204, 205)
_BLANKS = 16
"""Bytes of white space that may stand behind a reply."""
_JSON = b"application/json"
_PAGE = b"text/html"
"""A log-in page or a proxy's greeting: never what a model says."""
_NOT_FOR_CLIENTS = frozenset(
    {
        b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"proxy-authenticate",
        b"proxy-connection", b"te", b"trailer", b"upgrade", b"set-cookie", b"x-request-id", b"alt-svc", b"server",
        b"location", b"refresh", b"clear-site-data", b"service-worker-allowed", b"www-authenticate", b"nel",
        b"report-to", b"reporting-endpoints", b"strict-transport-security",
    }
)  # fmt: skip
"""Headers that belong to one hop, or that would let an upstream speak for us."""
_OURS = (b"x-hostler-", b"access-control-")
"""Beginnings of further ones."""


class _Stream:
    """A reply that is forwarded as it comes: what is looked for in it, and its last byte that is not white space."""

    __slots__ = ("echo", "last", "meter")

    def __init__(self, meter: Meter | None, echo: StreamEcho | None) -> None:
        self.meter = meter
        self.echo = echo
        self.last = b""


class Relay(Attempt):
    """Sends the client's bytes with the model's name spliced, and forwards the reply; see the module."""

    __slots__ = ("_answer", "_head", "_scanner", "_stream")

    _head: bytes
    """The reply's status line and the header lines that travel."""

    def __init__(  # signature: positions, since a name costs every request time
        self, call: Call, way: Way, number: int, answer: Answer, scanner: BodyScanner
    ) -> None:
        Attempt.__init__(self, call, way, number)  # not by super(), whose look-up costs every request time
        self._answer = answer
        self._scanner = scanner
        self._stream: _Stream | None = None

    def message(self, target: Target) -> Message:
        call, way = self.call, self.way
        body, front, rest = call.body, b"", 0
        if way.bridges:
            body = self._bridged(body)
        if way.files:
            return self._file_message(target)
        if way.splices:
            if body.startswith(way.opening):
                front, rest = way.front, len(way.opening)
            else:
                front, rest = self._scanner.splice(body, call.plan.asked, way.model)
        head = way.head if target is way.target else b""
        if not head:
            head = request_head(way, target, lines=call.plan.lines)
            if target is way.target:
                way.head = head
        return whole_request(head, body, rest, front)

    def _file_message(self, target: Target) -> Message:
        """A request with sound or images: a form stays one, with its own boundary."""
        call, way = self.call, self.way
        kind = self._answer.exchange.header(b"content-type")
        if kind is None or not is_form(kind):
            body = self._scanner.splice_model(call.body, call.plan.asked, way.model) if way.splices else call.body
            return whole_request(request_head(way, target, lines=call.plan.lines), body)
        body = find_model(call.body, kind).replaced(call.body, way.model) if way.splices else call.body
        return whole_request(request_head(way, target, lines=call.plan.lines, kind=kind), body)

    def _bridged(self, body: bytes) -> bytes:
        """The body without what this upstream is known to refuse although its wire has it."""
        provider = self.candidate.provider
        if not provider.dialect.named_tool_choice and b'"tool_choice"' in body:
            return openai_chat.bridge_tool_choice(body)
        if provider.wire == ANTHROPIC and anthropic.has_unsigned(body):
            return anthropic.without_unsigned(body)
        return body

    def on_whole(self, known: KnownReply, body: bytes) -> None:
        note = known.note
        if note is None:
            super().on_whole(known, body)
            return
        self.first_byte = perf_counter()
        self.status = known.status
        self._head = note  # a whole JSON reply, as the last one was
        self._end_by(self._answer_whole, body)

    def on_good_head(self, headers: Headers) -> None:
        if self.status in _NO_CONTENT:
            raise UpstreamGarbled("The upstream answered with no content where a reply was expected.")
        seen = self.way.seen
        if seen is None or seen.headers != headers or seen.status != self.status:
            seen = self._sift(headers)
        kind, self._head = seen.kind, seen.head
        if kind.startswith(_STREAMS):
            candidate, asked = self.candidate, self.way.asked
            echoes = candidate.recipe is not None and asked != candidate.model_id
            echo = StreamEcho(candidate.model_id, asked) if echoes else None
            self._begin_stream(_Stream(stream_meter(self._answer.face), echo))
            return
        if self.way.files and kind and not kind.startswith(_JSON):
            self._begin_stream(_Stream(None, None))
            return
        if kind.startswith(_PAGE):
            raise UpstreamGarbled("The upstream answered with a page (content type text/html) where JSON was expected.")
        known = self.connection.known
        if known is not None and self.inflate is None:
            known.note = self._head

    def _sift(self, headers: Headers) -> SeenHead:
        """Find the headers that travel, and remember them: an upstream's next head is likely to be the same."""
        kind, lines, coded = b"", [status_line(self.status)], False
        for name, value in headers:
            if name in _NOT_FOR_CLIENTS or name.startswith(_OURS):
                continue
            if name == b"content-type":
                kind = value
            elif name == b"content-encoding":
                coded = True
                self.inflate = inflate_for(value)
                if self.inflate is not None:
                    continue
            lines.append(b"%b: %b\r\n" % (name, value))
        seen = SeenHead(headers, self.status, kind, b"".join(lines))
        if not coded:
            self.way.seen = seen
        return seen

    def on_body(self, data: bytes) -> None:
        if self.first_byte == 0.0:
            self.first_byte = perf_counter()
        if self.inflate is not None:
            data = self.inflated(data)
            if not data:
                return
        if self._stream is not None:
            self._forward(data, self._stream)
            return
        self.collect(data)
        if self.size > LARGEST_ECHO and self.status < FIRST_ERROR:
            if self._answer.started:
                self.give_up(_not_streamed())
                return
            self._answer.events = False
            stream = _Stream(None, None)
            self._begin_stream(stream)
            self._forward(self.take(), stream)

    def on_good_end(self) -> HostlerError | None:
        stream = self._stream
        if stream is None:
            return self._answer_whole(self.take())
        if not (self.connection.framed or self.way.files) and not (
            stream.last in _JSON_ENDS if stream.meter is None else stream.meter.ended
        ):
            # without framing only the end of what was sent tells a whole reply from a broken one
            return UpstreamBroken("The upstream closed the connection in the middle of its stream.")
        self.settle()
        self._answer.exchange.end(b"" if stream.echo is None else stream.echo.flush())
        return None

    def _answer_whole(self, body: bytes) -> HostlerError | None:
        if self._answer.started:
            return _not_streamed()
        if not self.connection.framed and not _is_json(body):
            # ended by the end of the connection, so nothing but the JSON itself tells whether it is whole
            return UpstreamBroken("The upstream closed the connection in the middle of its answer.")
        model, self.usage = read_reply(self._answer.face, body)
        self.settle()
        way = self.way
        if model is not None and model != way.asked:
            body = way.echo.write(body, model)
        self._answer.whole(self._head, body)
        return None

    def _forward(self, data: bytes, stream: _Stream) -> None:
        """Bytes to the client first; usage is looked for afterwards."""
        if stream.echo is not None:
            data = stream.echo.feed(data)
        answer, meter = self._answer, stream.meter
        answer.forwarded = True
        answer.passed = data
        answer.exchange.write(data)
        if meter is not None:
            meter.feed(data)
            self.usage = meter.usage
        else:
            stream.last = data[-_BLANKS:].rstrip()[-1:] or stream.last

    def _begin_stream(self, stream: _Stream) -> None:
        self._stream = stream
        self._answer.exchange.on_writable = self.connection.set_reading
        self._answer.pass_on(self._head)


def _not_streamed() -> UpstreamGarbled:
    """The client has got the head of a stream with a keep-alive, so a whole reply comes too late."""
    return UpstreamGarbled("The upstream answered whole where a stream was asked for.")


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
