"""An attempt at what is no chat, by an upstream of another wire than the client: embeddings, and counts of tokens.

Knows: that both are one request and one whole reply in a few published shapes. Does not know: those shapes (wires),
queues, retries.
"""

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Final

from hostler.core.history import repair
from hostler.core.requests import ChatRequest
from hostler.errors import HostlerError
from hostler.routing.answer import JSON_HEAD, Answer
from hostler.routing.attempt import Attempt
from hostler.routing.call import COUNTS, Call, Headers, Target, Way, shape_of
from hostler.routing.inflate import inflate_for
from hostler.routing.requests import request_head, whole_request
from hostler.system.upstream import Message
from hostler.wire.codec import Counting, Embedding
from hostler.wire.codecs import counting_of, embedding_of
from hostler.wire.tool_names import accepted_names

_SINGLE: Final = "embedding"
"""The operation for one text, beside the one for several."""


class Convert(Attempt):
    """Writes the client's request in the candidate's shape, and the reply in the client's."""

    __slots__ = ("_answer", "_write")

    _write: Callable[[bytes], bytes]
    """From the upstream's reply to the client's; set with the request, since it may depend on that."""

    def __init__(self, call: Call, way: Way, number: int, answer: Answer) -> None:  # signature: positions, see Relay
        Attempt.__init__(self, call, way, number)
        self._answer = answer

    def message(self, target: Target) -> Message:
        plan, provider = self.call.plan, self.candidate.provider
        theirs = shape_of(provider.wire, plan.operation)
        if plan.operation in COUNTS:
            body = self._count(counting_of(plan.face), counting_of(theirs))
        else:
            body = self._embed(embedding_of(plan.face), embedding_of(theirs))
        self._answer.dropped = self.dropped
        return whole_request(request_head(self.way, target), body)

    def _count(self, ours: Counting, theirs: Counting) -> bytes:  # signature: one shape to the other
        request: ChatRequest = ours.decode_count_tokens(self.call.body)
        request = replace(request, model=self.way.model, messages=repair(request.messages).messages)
        provider = self.candidate.provider
        wire = shape_of(provider.wire, self.call.plan.operation)
        request, _ = accepted_names(request, provider.dialect, wire=wire)
        encoded = theirs.encode_count_tokens(request, provider.dialect)
        self.dropped = encoded.dropped
        self._write = lambda reply: ours.encode_count_tokens_reply(theirs.decode_count_tokens_reply(reply))
        return encoded.body

    def _embed(self, ours: Embedding, theirs: Embedding) -> bytes:  # signature: one shape to the other
        request = ours.decode_embeddings(self.call.body)
        form = request.extra.get("encoding_format")
        self.dropped = tuple(sorted(request.extra.keys() - {"encoding_format"}))

        def write(body: bytes) -> bytes:
            reply = theirs.decode_embeddings_reply(body)
            self.usage = reply.usage
            reply, batch = replace(reply, model=self.call.plan.asked), self.call.plan.operation != _SINGLE
            return ours.encode_embeddings_reply(reply, batch=batch, **({"form": form} if form else {}))

        self._write = write
        return theirs.encode_embeddings(replace(request, model=self.way.model, extra={}))

    def on_good_head(self, headers: Headers) -> None:
        coding = next((value for name, value in headers if name == b"content-encoding"), b"")
        self.inflate = inflate_for(coding)

    def on_body(self, data: bytes) -> None:
        if self.first_byte == 0.0:
            self.first_byte = perf_counter()
        if self.inflate is not None:
            data = self.inflated(data)
        if data:
            self.collect(data)

    def on_good_end(self) -> HostlerError | None:
        body = self._write(self.take())
        self.settle()
        self._answer.whole(JSON_HEAD, body)
        return None
