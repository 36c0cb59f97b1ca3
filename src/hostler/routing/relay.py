"""An attempt whose upstream speaks the face's own wire: bytes pass through, both ways.

Knows: which response headers travel, when a reply is small enough to echo the model's name, where usage is looked for.
Does not know: queues, retries.
"""

from time import perf_counter
from typing import cast

import msgspec

from hostler.core.wires import ANTHROPIC
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.registry.resolver import Candidate
from hostler.routing.answer import Answer
from hostler.routing.attempt import FIRST_ERROR, Attempt, Target
from hostler.routing.call import Call, Headers
from hostler.routing.inflate import inflate_for
from hostler.routing.requests import whole_request
from hostler.system.upstream import Message
from hostler.wire import anthropic, openai_chat
from hostler.wire.meter import Meter, read_reply, stream_meter
from hostler.wire.scan import BodyScanner, StreamEcho, echo_model

LARGEST_ECHO = 1 << 20
"""Bytes up to which a reply is held to write the asked model into it; a larger one is streamed as it comes."""
_EVENTS = b"text/event-stream"
_JSON_ENDS = (b"}", b"]")
_BLANKS = 16
"""Bytes of white space that may stand behind a reply."""
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


class Relay(Attempt):
    """Sends the client's bytes with the model's name spliced, and forwards the reply; see the module."""

    __slots__ = ("_answer", "_echo", "_last", "_lines", "_meter", "_passed", "_scanner", "_streaming")

    def __init__(self, call: Call, candidate: Candidate, *, number: int, answer: Answer, scanner: BodyScanner) -> None:
        super().__init__(call, candidate, number=number)
        self._answer = answer
        self._scanner = scanner
        self._streaming = False
        self._last = b""
        self._passed: Headers = []
        self._lines = b""
        self._meter: Meter | None = None
        self._echo: StreamEcho | None = None

    def message(self, target: Target) -> Message:
        call = self.call
        body, front, rest = call.body, b"", 0
        if call.operation == "chat":
            body = self._bridged(body)
        if self.model != call.asked:
            front, rest = self._scanner.splice(body, call.asked, self.model)
        return whole_request(self, target, lines=call.head, body=body, rest=rest, front=front)

    def _bridged(self, body: bytes) -> bytes:
        """The body without what this upstream is known to refuse although its wire has it."""
        provider = self.candidate.provider
        if not provider.dialect.named_tool_choice and b'"tool_choice"' in body:
            return openai_chat.bridge_tool_choice(body)
        if provider.wire == ANTHROPIC and anthropic.has_unsigned(body):
            return anthropic.without_unsigned(body)
        return body

    def on_good_head(self, headers: Headers) -> None:
        known = self.connection.known
        if known is not None and known.note is not None:
            self._lines = cast("bytes", known.note)  # a whole JSON reply, as the last one was
            return
        kind = self._sift(headers)
        if kind.startswith(_EVENTS):
            self._meter = stream_meter(self._answer.face)
            candidate, asked = self.candidate, self.call.asked
            if candidate.recipe is not None and asked != candidate.model_id:
                self._echo = StreamEcho(candidate.model_id, asked)
            self._begin_stream()
            return
        if kind.startswith(_PAGE):
            raise UpstreamGarbled("The upstream answered with a page (content type text/html) where JSON was expected.")
        self._lines = b"".join([b"%b: %b\r\n" % header for header in self._passed])
        if known is not None and self.inflate is None:
            known.note = self._lines

    def _sift(self, headers: Headers) -> bytes:
        """Keep the headers that travel; returns the content type."""
        passed, kind = self._passed, b""
        for header in headers:
            name = header[0]
            if name in _NOT_FOR_CLIENTS or name.startswith(_OURS):
                continue
            if name == b"content-type":
                kind = header[1]
            elif name == b"content-encoding":
                self.inflate = inflate_for(header[1])
                if self.inflate is not None:
                    continue
            passed.append(header)
        return kind

    def on_body(self, data: bytes) -> None:
        if self.first_byte == 0.0:
            self.first_byte = perf_counter()
        if self.inflate is not None:
            data = self.inflated(data)
            if not data:
                return
        if self._streaming:
            self._forward(data)
            return
        self.collect(data)
        if self.size > LARGEST_ECHO and self.status < FIRST_ERROR:
            if self._answer.started:
                self.give_up(_not_streamed())
                return
            self._answer.events = False
            self._begin_stream()
            self._forward(self.take())

    def on_good_end(self) -> HostlerError | None:
        if not self._streaming:
            return self._answer_whole(self.take())
        if not self.connection.framed and not (self._last in _JSON_ENDS if self._meter is None else self._meter.ended):
            # without framing only the end of what was sent tells a whole reply from a broken one
            return UpstreamBroken("The upstream closed the connection in the middle of its stream.")
        self.settle()
        self._answer.exchange.end(b"" if self._echo is None else self._echo.flush())
        return None

    def _answer_whole(self, body: bytes) -> HostlerError | None:
        if self._answer.started:
            return _not_streamed()
        if not self.connection.framed and not _is_json(body):
            # ended by the end of the connection, so nothing but the JSON itself tells whether it is whole
            return UpstreamBroken("The upstream closed the connection in the middle of its answer.")
        reading = read_reply(self._answer.face, body)
        self.usage = reading.usage
        self.settle()
        model, asked = reading.model, self.call.asked
        if model is not None and model != asked:
            body = echo_model(body, model, asked)
        self._answer.whole(self.status, self._lines, body=body)
        return None

    def _forward(self, data: bytes) -> None:
        """Bytes to the client first; usage is looked for afterwards."""
        if self._echo is not None:
            data = self._echo.feed(data)
        answer = self._answer
        answer.forwarded = True
        answer.exchange.write(data)
        if self._meter is not None:
            self._meter.feed(data)
            self.usage = self._meter.usage
        else:
            self._last = data[-_BLANKS:].rstrip()[-1:] or self._last

    def _begin_stream(self) -> None:
        self._streaming = True
        self._answer.exchange.on_writable = self.connection.set_reading
        self._answer.start(self.status, self._passed)


def _not_streamed() -> UpstreamGarbled:
    """The client has got the head of a stream with a keep-alive, so a whole reply comes too late."""
    return UpstreamGarbled("The upstream answered whole where a stream was asked for.")


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
