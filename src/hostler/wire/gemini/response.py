"""Replies of this wire, both ways: parts, finish reasons, usage. Knows the reply object; does not know its framing.

A stream repeats the reply object piece by piece, so that one reader reads both.
Facts: ai.google.dev/api/generate-content, its #GroundingMetadata and #CitationMetadata, and the types of the
`google-genai` SDK 3.4.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from hostler.core import deltas
from hostler.core.deltas import Delta, ReasoningDelta, TextDelta
from hostler.core.messages import Citation, Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.errors import UpstreamBroken, UpstreamGarbled
from hostler.wire.call_arguments import as_object
from hostler.wire.codec import Encoded
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.fields import Members, as_items, as_members, as_text
from hostler.wire.gemini.request import HISTORY, Json, signed, signed_part
from hostler.wire.gemini_counts import FAILURES, read_finish, read_usage, write_finish, write_usage
from hostler.wire.ids import made_call_id
from hostler.wire.json_array import ArrayDecoder
from hostler.wire.losses import lost_of_end, lost_of_part
from hostler.wire.rpc_status import refused_in_band

_NULL: Final = msgspec.Raw(b"null")
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Call(Struct, gc=False):
    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = _NULL


class _Part(Struct, gc=False, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None


class _Content(Struct, gc=False):
    parts: list[msgspec.Raw] | None = None


class _Candidate(Struct, gc=False, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    index: int | None = None
    grounding_metadata: dict[str, object] | None = None
    citation_metadata: dict[str, object] | None = None


class _Frame(Struct, gc=False, rename="camel"):
    """One reply object: a whole reply, or a piece of a streamed one."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: dict[str, object] | None = None
    usage_metadata: msgspec.Raw = _NULL
    model_version: str | None = None
    response_id: str | None = None
    error: dict[str, object] | str | None = None


_decode = msgspec.json.Decoder(_Frame).decode
_decode_part = msgspec.json.Decoder(_Part).decode


class FrameReader:
    """Turns the frames of one reply into deltas; only its first candidate counts.

    A signed part is kept apart from its neighbours: "don't merge a part that has a signature with one that has none".
    Usage grows with every frame; it is told at the first one, and from the finish reason on.
    """

    def __init__(self) -> None:
        self.finished = False
        self.out: list[Delta] = []
        self._started = False
        self._slots = 0
        self._reply = ""
        self._growing = False  # a text or thinking part that may still grow
        self._cited: set[str] = set()
        self._usage = Usage()
        self._last_usage = _NULL

    def take(self, data: bytes) -> None:
        """Put one frame's deltas into `out`. Raises UpstreamRefused for an error in it, else UpstreamGarbled."""
        try:
            frame = _decode(data)
            if frame.error is not None:
                raise refused_in_band(data)
            self._last_usage = frame.usage_metadata
            if not self._started:
                self._started = True
                self._reply = frame.response_id or ""
                self.out.append(deltas.Started(self._reply, frame.model_version or ""))
                self.report_usage()
            for candidate in frame.candidates or []:
                if not candidate.index:
                    self._take_candidate(candidate)
        except _UNREADABLE as error:
            raise UpstreamGarbled(f"The upstream's reply cannot be read: {error}.") from error
        if frame.prompt_feedback and not frame.candidates:
            self._finish(as_text(frame.prompt_feedback.get("blockReason")), blocked=True)
        if self.finished:
            self.report_usage()

    def report_usage(self) -> None:
        """What the last frame said of usage, if it is news."""
        if self._last_usage is _NULL:
            return
        usage, self._last_usage = read_usage(self._last_usage), _NULL
        if usage not in (self._usage, Usage()):
            self._usage = usage
            self.out.append(deltas.UsageDelta(usage))

    def _take_candidate(self, candidate: _Candidate) -> None:
        if candidate.content is not None:
            for raw in candidate.content.parts or []:
                part = _decode_part(raw)
                if part.text and not part.thought_signature:
                    self._growing = True
                    self.out.append(ReasoningDelta(part.text) if part.thought else TextDelta(part.text))
                elif part.function_call is not None:
                    self._take_call(part.function_call, part.thought_signature)
                elif part.text is None or part.thought_signature:
                    self._take_whole(part, raw)
        if candidate.grounding_metadata or candidate.citation_metadata:
            self._take_citations(candidate)
        if candidate.finish_reason and candidate.finish_reason != "FINISH_REASON_UNSPECIFIED":
            self._finish(candidate.finish_reason)

    def _take_citations(self, candidate: _Candidate) -> None:
        """What the answer rests on; frames may repeat it."""
        for citation in _cited_in(candidate.grounding_metadata or {}, candidate.citation_metadata or {}):
            if citation.url not in self._cited:
                self._cited.add(citation.url)
                self.out.append(deltas.Cited(citation))

    def _take_whole(self, part: _Part, raw: msgspec.Raw) -> None:
        """A signed part, or one that only this wire knows: code that was run, a picture, a search."""
        if self._growing:
            self._growing = False
            self.out.append(deltas.PartEnded())
        if part.text is None:
            self.out.append(deltas.PartEnded(bytes(raw)))
            return
        if part.text:
            self.out.append(ReasoningDelta(part.text) if part.thought else TextDelta(part.text))
        opaque = signed(part.thought_signature or "")
        self.out.append(deltas.ReasoningSealed(opaque) if part.thought else deltas.PartEnded(opaque))

    def _take_call(self, call: _Call, signature: str | None) -> None:
        slot, self._slots, self._growing = self._slots, self._slots + 1, False
        text = "{}" if bytes(call.args) == b"null" else bytes(call.args).decode()
        opaque = signed(signature) if signature else None
        id_ = call.id or made_call_id(self._reply, slot, content=f"{call.name}{text}")
        self.out += (
            deltas.ToolCallStarted(slot, id_, call.name or ""),
            deltas.ToolCallDelta(slot, text),
            deltas.ToolCallEnded(slot, opaque),
        )

    def _finish(self, raw: str, *, blocked: bool = False) -> None:
        if self.finished or not raw:
            return
        self.finished = True
        self.out.append(deltas.Finished("content_filter" if blocked else read_finish(raw, calls=self._slots > 0), raw))


def decode_response(body: bytes, dialect: Dialect = PLAIN) -> Reply:
    """The reply that an upstream gave, also as the array of its pieces; raises UpstreamGarbled when it is none.

    Raises UpstreamRefused for an error in a 200. A blocked prompt is a reply without parts.
    """
    del dialect  # nobody departs from this wire in replies
    reader = FrameReader()
    for piece in ArrayDecoder(len(body)).feed(body) if body.lstrip()[:1] == b"[" else [body]:
        reader.take(piece)
    reader.report_usage()
    reply = deltas.fold(reader.out, HISTORY)
    if not reply.parts and not reader.finished:
        raise UpstreamGarbled(f"The upstream's reply holds no candidate: {body[:200]!r}.")
    return reply


def encode_response(reply: Reply, asked: Asked) -> Encoded:
    """The reply object for a client. Raises UpstreamBroken for a reply that failed midway: it has no good form."""
    if reply.finish == "error" and reply.raw_finish not in FAILURES:
        raise UpstreamBroken("The upstream failed while it was answering.")
    dropped: set[str] = set()
    parts = [written for part in reply.parts if (written := write_part(part, dropped)) is not None]
    dropped |= lost_of_end(reply)
    content = {"parts": parts or [{"text": ""}], "role": "model"}
    candidate: Json = {"content": content, "finishReason": write_finish(reply.finish, reply.raw_finish), "index": 0}
    if cites := [citation for part in reply.parts if isinstance(part, Text) for citation in part.citations]:
        candidate["groundingMetadata"] = write_grounding(cites)
    body: Json = {"candidates": [candidate], "usageMetadata": write_usage(reply.usage, asked)}
    body |= {"modelVersion": asked.model, "responseId": asked.id}
    return Encoded(msgspec.json.encode(body), tuple(sorted(dropped)))


def write_part(part: Part, dropped: set[str]) -> Json | None:
    """A part for a client; None where nothing is left of it. Its signature goes along if this wire made it."""
    match part:
        case Text(text=text) | Refusal(text=text):
            written: Json = {"text": text}
        case Reasoning(text=text):
            written = {"text": text, "thought": True}
        case ToolCall():
            args = as_object(part, "message.tool_calls[].arguments", dropped=dropped)
            written = {"functionCall": {"id": part.id, "name": part.name, "args": args}}
        case ToolResult() | Media():
            dropped |= lost_of_part(part)
            return None
    if not isinstance(part, Refusal) and part.opaque is not None:
        whole = signed_part(written, part.opaque)
        if whole is not None:
            return whole
        dropped |= lost_of_part(part)
    return None if written.get("text") == "" else written


def _cited_in(grounding: Members, cited: Members) -> Iterator[Citation]:
    """The addresses that an answer rests on: pages, retrieved documents and places, and what it quotes."""
    for item in as_items(grounding.get("groundingChunks")):
        for source in map(as_members, as_members(item).values()):
            if url := as_text(source.get("uri")):
                yield Citation(url, as_text(source.get("title")))
    for item in as_items(cited.get("citationSources") or cited.get("citations")):
        source = as_members(item)
        if url := as_text(source.get("uri")):
            yield Citation(url, as_text(source.get("title")))


def write_grounding(citations: Sequence[Citation]) -> dict[str, object]:
    """`groundingMetadata`, as of a search: which words each source supports is not known of other wires' answers."""
    return {"groundingChunks": [{"web": {"uri": each.url, "title": each.title}} for each in citations]}
