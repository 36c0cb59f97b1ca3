"""Where a call's answer goes, as dispatch sees it: an HTTP client, or whoever takes deltas.

Knows: which kind of attempt suits a candidate, and how deltas become a face's bytes. Does not know: queues, retries.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hostler.core.deltas import Delta, ReplyBuilder, unfold
from hostler.core.requests import Asked, ChatRequest, Reply
from hostler.core.wires import OPENAI_RESPONSES, Wire
from hostler.errors import Cancelled, HostlerError
from hostler.routing.answer import JSON_HEAD, Answer
from hostler.routing.attempt import Attempt
from hostler.routing.call import CONVERTED, Call, Headers, Way
from hostler.routing.convert import Convert
from hostler.routing.fit import lacks_thinking, must_change
from hostler.routing.opaque import OpaqueStore
from hostler.routing.relay import Relay
from hostler.routing.stored_responses import StoredResponses
from hostler.routing.translate import Translate
from hostler.system.http_server import Exchange
from hostler.wire.codec import Codec, StreamEncoder
from hostler.wire.codecs import codec_of
from hostler.wire.scan import BodyScanner


class HttpOutlet(Answer):
    """Answers an HTTP client: by pass-through where the wires match, else translated to the face.

    `call` is set once the request was read; until then only `fail` makes sense.
    """

    __slots__ = ("_rendering", "_tools", "call")

    call: Call

    def __init__(  # signature: positions, since a name costs every request time
        self, exchange: Exchange, face: Wire, request_id: str, tools: "Tools", extra: Headers
    ) -> None:
        Answer.__init__(self, exchange, face, request_id, extra)  # not by super(), whose look-up costs time too
        self._tools = tools
        self._rendering: Rendering | None = None

    def attempt(self, way: Way, number: int) -> Attempt:
        tools = self._tools
        self.way = way
        self.number = number
        if way.passes and not self._must_change(way):
            return Relay(self.call, way, number, self, tools.scanner)
        if self.call.plan.operation in CONVERTED:
            return Convert(self.call, way, number, self)
        if self._rendering is None:
            self._rendering = Rendering(self, self.call, keeper=tools.keeper)
        return Translate(self.call, way, number=number, sink=self._rendering, keeper=tools.keeper)

    def _must_change(self, way: Way) -> bool:
        """Whether the client's bytes may not pass through although the wires match."""
        plan, body = self.call.plan, self.call.body
        if plan.face == OPENAI_RESPONSES and plan.operation == "chat":
            stored = StoredResponses(self._tools.keeper, plan.key_id)
            if stored.takes(body, stored_there=way.candidate.provider.dialect.stores_responses):
                return True
        return lacks_thinking(way, plan, body=body) or (plan.limited and must_change(way, plan, body=body))

    @property
    def codec(self) -> Codec:
        call = getattr(self, "call", None)
        return codec_of(self.face) if call is None else codec_of(self.face, call.plan.operation)

    def asked(self, request: ChatRequest | None = None) -> Asked:
        plan = self.call.plan
        include = request is None or request.include_usage
        return Asked(
            model=plan.asked, id=self.request_id, created=int(time.time()), include_usage=include,
            as_array=plan.as_array, request=request,
        )  # fmt: skip

    def broken_stream(self) -> StreamEncoder:
        begun = None if self._rendering is None else self._rendering.encoder
        return Answer.broken_stream(self) if begun is None else begun

    def close(self) -> None:
        """The call is over: let go of what holds this, since a circle would wait for the garbage collector."""
        self._rendering = None


class Rendering:
    """A reply's deltas as the face's bytes, over all attempts of a call; a `DeltaSink`."""

    __slots__ = ("_answer", "_call", "_fold", "_reply", "_request", "_standing", "_stored", "encoder")

    def __init__(self, answer: Answer, call: Call, *, keeper: OpaqueStore) -> None:
        self._answer = answer
        self._call = call
        self._request: ChatRequest | None = None
        self.encoder: StreamEncoder | None = None
        """Of a stream that has begun."""
        self._fold: tuple[Attempt, ReplyBuilder] | None = None
        self._reply: Reply | None = None
        self._stored = StoredResponses(keeper, call.plan.key_id) if call.plan.face == OPENAI_RESPONSES else None
        self._standing = call.body

    def request(self) -> ChatRequest:
        """The client's request, decoded when a translation first needs it."""
        if self._request is None:
            if self._stored is not None:
                self._standing = self._stored.standing(self._call.body)
            self._request = self._answer.codec.decode_request(self._standing)
        return self._request

    def take_dropped(self, names: tuple[str, ...]) -> None:
        """What the candidate's wire cannot express."""
        self._answer.dropped = names

    def deltas(self, batch: Sequence[Delta], attempt: Attempt) -> None:
        """Encode for the face: at once for a stream, at the end for a whole reply."""
        if not self._call.plan.stream:
            if self._fold is None or self._fold[0] is not attempt:  # what an attempt said that failed is void
                self._fold = (attempt, ReplyBuilder(attempt.way.origin))
            for delta in batch:
                self._fold[1].add(delta)
            return
        answer, encoder = self._answer, self.encoder
        if encoder is None:
            encoder = self.encoder = answer.codec.stream_encoder(self._asked())
            answer.forwarded = True
            answer.start_stream()
            answer.exchange.on_writable = attempt.connection.set_reading
        answer.exchange.write(encoder.encode(batch))

    def whole(self, reply: Reply, attempt: Attempt) -> None:
        """Keep a whole reply, or encode it for a client that wants a stream."""
        if self._call.plan.stream:
            self.deltas(unfold(reply), attempt)
        else:
            self._reply = reply

    def finish(self, attempt: Attempt) -> None:
        """The last bytes of a good answer."""
        answer = self._answer
        if self._call.plan.stream:
            encoder = self.encoder or answer.codec.stream_encoder(self._asked())
            answer.start_stream()
            last = encoder.finish()
            self._settle(attempt, encoder.dropped, last)
            answer.exchange.end(last)
            return
        reply = self._reply or (Reply() if self._fold is None else self._fold[1].reply())
        encoded = answer.codec.encode_response(reply, self._asked())
        self._settle(attempt, encoded.dropped, encoded.body)
        answer.whole(JSON_HEAD + b"".join([b"%b: %b\r\n" % h for h in answer.face_id()]), encoded.body)

    def _settle(self, attempt: Attempt, dropped: Iterable[str], last: bytes) -> None:  # signature: all of an end
        """Let the ledger's row and the header name what was lost on the way there and on the way back."""
        if self._stored is not None:
            self._stored.keep(self._standing, last)
        answer = self._answer
        answer.dropped = attempt.dropped = tuple(sorted({*answer.dropped, *dropped}))
        attempt.settle()

    def _asked(self) -> Asked:
        return self._answer.asked(self._request)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all HTTP outlets of a gateway share."""

    keeper: OpaqueStore
    scanner: BodyScanner


Take = Callable[[Sequence[Delta]], None]
"""Takes deltas as they come, within the turn of the loop that brought them: it must be quick."""


class DeltaOutlet:
    """Hands a reply's deltas to who takes them; always decodes, whatever wire the upstream speaks.

    `over` is done at the end of the reply, with the error of a failed one. A model's pace needs no backpressure inside
    one process.
    """

    def __init__(self, call: Call, take: Take, *, keeper: OpaqueStore) -> None:
        self._call = call
        self._take = take
        self._keeper = keeper
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.forwarded = False
        self.dropped: tuple[str, ...] = ()

    def attempt(self, way: Way, number: int) -> Attempt:
        return Translate(self._call, way, number=number, sink=self, keeper=self._keeper)

    def request(self) -> ChatRequest:
        """The call's request."""
        assert self._call.request is not None
        return self._call.request

    def take_dropped(self, names: tuple[str, ...]) -> None:
        """What the candidate's wire cannot express."""
        self.dropped = names

    def deltas(self, batch: Sequence[Delta], attempt: Attempt) -> None:
        """Hand a batch on."""
        del attempt
        self.forwarded = True
        self._take(batch)

    def whole(self, reply: Reply, attempt: Attempt) -> None:
        """Keep a whole reply."""
        self.deltas(unfold(reply), attempt)

    def finish(self, attempt: Attempt) -> None:
        """The reply is whole."""
        attempt.settle()
        self._end(None)

    def fail(self, error: HostlerError) -> None:
        self._end(error)

    def on_end(self, _running: object, error: BaseException | None) -> None:
        """Tell of a call that did not come to an end of its own."""
        if isinstance(error, asyncio.CancelledError):
            self._end(Cancelled("The call was cancelled."))
        elif error is not None:
            self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """The first end counts."""
        if self.over.done():
            return
        if error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(error)
