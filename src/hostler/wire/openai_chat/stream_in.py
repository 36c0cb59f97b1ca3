"""A streamed chat completion, read into deltas. Knows chunks and their many forms; does not know who sends them.

The common chunk is read by a typed decoder; fields that servers fill in odd ways are typed `object` and narrowed.
"""

import json
from typing import Final, cast

import msgspec
from msgspec import Struct

from hostler.core.deltas import (
    Cited,
    Delta,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    UsageDelta,
)
from hostler.core.usage import Usage
from hostler.errors import HostlerError, UpstreamBroken, UpstreamGarbled
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.event_streams import EventStreamDecoder
from hostler.wire.fields import Members, as_items, as_members, as_text
from hostler.wire.openai_chat.calls_in import Calls
from hostler.wire.openai_chat.citations import cited_in, sources_of
from hostler.wire.openai_chat.counts import read_finish, read_stop, read_usage, with_timings
from hostler.wire.openai_chat.messages_in import chunk_thinking, details_text, signed_chunk
from hostler.wire.openai_errors import body_of, error_of
from hostler.wire.sse import SseEvent
from hostler.wire.think_tags import TagSplitter

DONE: Final = b"[DONE]"


class _Delta(Struct, gc=False):
    content: object = None
    reasoning_content: object = None
    reasoning: object = None
    reasoning_details: object = None
    refusal: object = None
    tool_calls: object = None
    function_call: object = None
    annotations: object = None


class _Choice(Struct, gc=False):
    index: object = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: object = None
    stop_reason: object = None
    matched_stop: object = None
    usage: object = None
    error: object = None


class _Chunk(Struct, gc=False):
    id: object = None
    model: object = None
    shape: object = msgspec.field(default=None, name="object")
    choices: list[_Choice] | None = None
    usage: object = None
    timings: object = None
    x_groq: object = None
    citations: object = None
    search_results: object = None
    error: object = None


_decode = msgspec.json.Decoder(_Chunk).decode


class StreamDecoder(EventStreamDecoder):
    """Bytes in, deltas out; only the first choice counts. After a failure or the end mark it stays silent."""

    def __init__(self, dialect: Dialect = PLAIN) -> None:
        super().__init__()
        self._tags = TagSplitter(dialect.reasoning_tags) if dialect.reasoning_tags else None
        self._thought: list[str] = []  # of chunks of thinking, until one of them is signed
        self._calls = Calls()
        self._details: list[dict[str, object]] = []
        self._readable = False  # thinking came in a field of its own
        self._timings: Members = {}
        self._sources: Members = {}
        self._usage = Usage()
        self._started = False
        self._refused = False
        self._finished = False

    def end_early(self, out: list[Delta]) -> None:
        """Not all servers send the end mark; a reply is whole once its finish reason came."""
        if self._finished:
            self._end(out)
        else:
            super().end_early(out)

    def take(self, events: list[SseEvent], out: list[Delta]) -> None:
        for event in events:
            try:
                chunk = _decode(event.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                word = event.data.strip()
                if word == DONE:
                    self._end(out)
                    return
                if not word:
                    continue
                chunk = _mended(event)
            if chunk.error or chunk.shape == "error" or event.event == "error":
                raise _in_band(event.data)
            self._take_chunk(chunk, out)

    def _take_chunk(self, chunk: _Chunk, out: list[Delta]) -> None:
        if not self._started:
            self._start(chunk, out)
        if chunk.citations or chunk.search_results:  # all of them, in each chunk or in the last one
            self._sources = {"citations": chunk.citations, "search_results": chunk.search_results}
        if chunk.choices:
            for choice in chunk.choices:
                if not choice.index:  # 0, or null
                    self._take_choice(choice, out)
        if chunk.usage:
            self._take_usage(chunk.usage, out)
        elif chunk.x_groq and (said := as_members(chunk.x_groq).get("usage")):
            self._take_usage(said, out)
        if chunk.timings:
            self._timings = as_members(chunk.timings)

    def _start(self, chunk: _Chunk, out: list[Delta]) -> None:
        id_ = as_text(chunk.id)
        if id_ or chunk.choices:  # one vendor's first chunk only reports on the prompt
            self._started = True
            self._calls.reply = id_
            out.append(Started(id_, as_text(chunk.model)))

    def _take_choice(self, choice: _Choice, out: list[Delta]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            content = delta.content
            if delta.reasoning_content or delta.reasoning or delta.reasoning_details:
                self._take_reasoning(delta, out)
            if content:
                if self._details:
                    self._seal(out)
                if isinstance(content, str):
                    if self._tags is None:
                        out.append(TextDelta(content))
                    else:
                        self._take_tagged(self._tags.feed(content), out)
                else:
                    self._take_parts(content, out)
            if delta.refusal or delta.tool_calls or delta.function_call or delta.annotations:
                self._take_rest(delta, out)
        if choice.finish_reason or choice.usage or choice.error:
            self._take_end(choice, out)

    def _take_reasoning(self, delta: _Delta, out: list[Delta]) -> None:
        text = as_text(delta.reasoning_content) or as_text(delta.reasoning)
        if text:
            self._readable = True
        elif not self._readable:  # else the blocks only repeat, as a whole, what was readable before
            text = details_text(delta.reasoning_details)
        if text:
            out.append(ReasoningDelta(text))
        for item in as_items(delta.reasoning_details):
            _merge_detail(self._details, as_members(item))

    def _take_tagged(self, pieces: list[tuple[bool, str]], out: list[Delta]) -> None:
        for is_thinking, piece in pieces:
            out.append(ReasoningDelta(piece) if is_thinking else TextDelta(piece))
        if self._tags is not None and self._tags.plain:
            self._tags = None

    def _take_parts(self, content: object, out: list[Delta]) -> None:
        for item in as_items(content):
            chunk = as_members(item)
            text = as_text(chunk.get("text"))
            if chunk.get("type") == "thinking":
                self._take_thinking(chunk, out)
            elif text:
                self._thought = []
                out.append(TextDelta(text))

    def _take_thinking(self, chunk: Members, out: list[Delta]) -> None:
        text, signature = chunk_thinking(chunk), as_text(chunk.get("signature"))
        if text:
            self._thought.append(text)
            out.append(ReasoningDelta(text))
        if signature:
            out.append(ReasoningSealed(signed_chunk("".join(self._thought), signature)))
            self._thought = []

    def _take_rest(self, delta: _Delta, out: list[Delta]) -> None:
        self._seal(out)
        if isinstance(delta.refusal, str) and delta.refusal:
            self._refused = True
            out.append(RefusalDelta(delta.refusal))
        if delta.annotations:
            out += map(Cited, cited_in({"annotations": delta.annotations}))
        if delta.tool_calls:
            self._calls.take(as_items(delta.tool_calls), out)
        if delta.function_call:
            self._calls.take([{"index": 0, "function": delta.function_call}], out)

    def _take_end(self, choice: _Choice, out: list[Delta]) -> None:
        if choice.error:
            refused = error_of({"error": choice.error})
            if refused is not None:
                raise refused
        raw = as_text(choice.finish_reason)
        if raw and raw != "null":  # one vendor writes the word null until the end
            self._finish(raw, out, stop=read_stop(raw, choice.stop_reason or choice.matched_stop))
        if choice.usage:
            self._take_usage(choice.usage, out)

    def _take_usage(self, said: object, out: list[Delta]) -> None:
        usage = read_usage(as_members(said))
        if usage != self._usage:
            self._usage = usage
            out.append(UsageDelta(usage))

    def _finish(self, raw: str, out: list[Delta], *, stop: str | None = None) -> None:
        if self._finished:
            return
        self._finished = True
        self._seal(out)
        out += map(Cited, sources_of(self._sources))
        self._calls.end(out)
        reason = read_finish(raw, calls=len(self._calls) > 0, refused=self._refused, stopped=stop is not None)
        out.append(Finished(reason, raw, stop))

    def _end(self, out: list[Delta]) -> None:
        """The stream is over, and good: with its end mark, or with a finish reason and none."""
        if not self._started:
            raise UpstreamBroken("The upstream's stream ended without a reply.")
        self._finish("", out)
        usage = with_timings(self._usage, self._timings)
        if usage != self._usage:
            out.append(UsageDelta(usage))
        self.over = True

    def _seal(self, out: list[Delta]) -> None:
        """End the text or thinking at hand: what was held back of it is whole now."""
        if self._tags is not None:
            self._take_tagged(self._tags.flush(), out)
        if self._details:
            out.append(ReasoningSealed(body_of(self._details)))
            self._details = []


def _merge_detail(details: list[dict[str, object]], piece: Members) -> None:
    """Grow the last block of `reasoning_details` by `piece`, or begin a new one: pieces of one block share an index.

    Encrypted blocks come whole, and one without an index may follow another.
    """
    last = details[-1] if details else None
    if last is None or any(last.get(key) != piece.get(key) for key in ("type", "index")) or _is_other(last, piece):
        details.append(dict(piece))
        return
    for key, value in piece.items():
        before = last.get(key)
        if key in ("text", "summary", "data") and isinstance(before, str) and isinstance(value, str):
            last[key] = before + value
        elif value is not None:
            last[key] = value


def _is_other(last: Members, piece: Members) -> bool:
    ids = last.get("id"), piece.get("id")
    return (None not in ids and ids[0] != ids[1]) or ("data" in last and "data" in piece and piece.get("index") is None)


def _mended(event: SseEvent) -> _Chunk:
    """A chunk that only a strict reader refuses: half a surrogate pair (cut between two chunks), or a NaN."""
    if event.event == "error":
        raise _in_band(event.data)
    try:
        value: object = json.loads(event.data, parse_constant=lambda _: None)
        return _decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise UpstreamGarbled(f"The upstream sent a frame that is no chunk: {event.data[:200]!r}.") from error


def _in_band(data: bytes) -> HostlerError:
    try:
        members = as_members(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = cast("Members", {})
    refused = error_of(members if members.get("error") else {"error": members or data.decode("utf-8", "replace")})
    return refused or UpstreamGarbled("The upstream broke off with an empty error.")
