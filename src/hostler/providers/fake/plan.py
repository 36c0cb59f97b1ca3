"""Knows in which steps an answer goes out: bytes, waits, and the place where it breaks off. Pure; nothing is sent here.

Does not know: sockets, requests, wires.
"""

import gzip
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from hostler.providers.fake.frames import Frame, frame_bytes
from hostler.providers.fake.refusals import JSON, Headers
from hostler.providers.fake.script import Framing, Reply

_GZIP: Final = 31  # zlib's window bits for the gzip format
_CONTINUES: Final = 0b11000000
_COMMENT_EVERY: Final = 8  # pieces of content between two comments of a dialect


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes of the body, in one write; `content` counts the pieces of what is said that begin in them."""

    data: bytes
    content: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing until the fake is told to go on."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The answer ends here, and not well."""

    how: Literal["reset", "close", "silence"]


Step = Send | Wait | Hold | Cut


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer as it will go out. Without `head` nothing is sent; `missing` bytes of a body are cut off its end."""

    status: int
    headers: Headers
    steps: tuple[Step, ...]
    body: Literal["chunked", "length", "close"] = "chunked"
    head_s: float = 0.0
    head: bool = True
    missing: int = 0

    @property
    def content(self) -> bytes:
        """The whole body as far as it is sent."""
        return b"".join(step.data for step in self.steps if isinstance(step, Send))

    @property
    def cut(self) -> Cut | None:
        """Where it breaks off, if it does."""
        return next((step for step in self.steps if isinstance(step, Cut)), None)


def whole_plan(status: int, headers: Headers, *, body: bytes, reply: Reply) -> Plan:
    """A reply in one piece, with everything that the script does to it."""
    framing = reply.framing
    headers = _typed(headers, framing)
    if framing.gzip:
        body = gzip.compress(body, mtime=0)
        headers = [*headers, (b"content-encoding", b"gzip")]
    steps: list[Step] = [Wait(reply.pace.first_s)] if reply.pace.first_s else []
    steps += [Hold()] if reply.hold_after is not None else []
    steps += _split([Send(body, content=1)], framing)
    return _ended(Plan(status, headers, tuple(steps), "length", reply.pace.head_s), reply)


@dataclass(frozen=True, slots=True)
class Stream:
    """What a wire says of its streams: the frames of a good one, those of an error inside it, a keep-alive and the
    content type; and the comment that a dialect puts between pieces."""

    frames: Iterable[Frame]
    broken: Iterable[Frame]
    ping: bytes = b""
    content_type: str = "text/event-stream; charset=utf-8"
    comment: str = ""


def stream_plan(stream: Stream, reply: Reply) -> Plan:
    """A streamed reply, with everything that the script does to it."""
    framing = reply.framing
    steps: list[Step] = [Wait(reply.pace.first_s)] if reply.pace.first_s else []
    steps += [Send(stream.ping)] * (framing.pings if stream.ping else 0)
    steps += _spoken(stream, reply)
    if framing.gzip:
        steps = list(_compressed(steps))
    headers = _typed([(b"content-type", stream.content_type.encode()), (b"cache-control", b"no-cache")], framing)
    if framing.gzip:
        headers.append((b"content-encoding", b"gzip"))
    plan = Plan(200, headers, tuple(_split(steps, framing)), framing.body, reply.pace.head_s)
    return _ended(plan, reply)


def _spoken(stream: Stream, reply: Reply) -> Iterator[Step]:
    """Frames with the waits between them, up to the place where the script breaks off."""
    end = reply.broken
    said = 0
    for number, piece in enumerate(stream.frames):
        if piece.content and reply.hold_after == said:
            yield Hold()
        if end and end.after_chunks is not None and said >= end.after_chunks and (piece.content or said):
            yield from _broken(end.how, stream.broken, framing=reply.framing, number=number)
            return
        if piece.content:
            if said and reply.pace.gap_s:
                yield Wait(reply.pace.gap_s)
            if stream.comment and said % _COMMENT_EVERY == 0:
                yield Send(f": {stream.comment}\n\n".encode())
            said += 1
        yield Send(frame_bytes(piece, reply.framing, number=number), int(piece.content))
    if reply.hold_after is not None and reply.hold_after > said:
        yield Hold()


def _broken(how: str, frames: Iterable[Frame], *, framing: Framing, number: int) -> Iterator[Step]:
    match how:
        case "reset" | "close" | "silence":
            yield Cut(how)
        case _:
            for place, piece in enumerate(frames, number):
                yield Send(frame_bytes(piece, framing, number=place))


def _ended(plan: Plan, reply: Reply) -> Plan:
    """The plan with the breaks that count bytes, and those before the head."""
    broken = reply.broken
    if broken is None or broken.how == "error":
        return plan
    if broken.before_head:
        return replace(plan, steps=(Cut(broken.how),), head=False)
    length = len(plan.content)
    count = broken.after_bytes
    if count is None and plan.body == "length" and plan.cut is None:
        count = length // 2  # a body in one piece has no pieces to count
    if count is None:
        return plan
    ended = replace(plan, steps=tuple(_until(plan.steps, count, end=Cut(broken.how))))
    return replace(ended, missing=length - len(ended.content))


def _until(steps: tuple[Step, ...], count: int, *, end: Cut) -> Iterator[Step]:
    """The steps up to so many bytes of body, then the end."""
    left = count
    for step in steps:
        if isinstance(step, Cut):
            break
        if isinstance(step, Send):
            if len(step.data) >= left:
                if left:
                    yield Send(step.data[:left], step.content)
                break
            left -= len(step.data)
        yield step
    yield end


def _compressed(steps: Iterable[Step]) -> Iterator[Step]:
    """Each piece compressed and flushed, so that it can be read when it arrives."""
    packer = zlib.compressobj(wbits=_GZIP)
    whole = True
    for step in steps:
        if isinstance(step, Send):
            yield Send(packer.compress(step.data) + packer.flush(zlib.Z_SYNC_FLUSH), step.content)
        else:
            whole = whole and not isinstance(step, Cut)
            yield step
    if whole:
        yield Send(packer.flush())


def _split(steps: Iterable[Step], framing: Framing) -> Iterator[Step]:
    """The writes in the sizes that the script asks for."""
    run: list[Send] = []
    for step in steps:
        if isinstance(step, Send) and framing.write_size:
            run.append(step)
            continue
        yield from _resized(run, framing.write_size)
        run.clear()
        if isinstance(step, Send) and framing.cut_characters:
            yield from _cut_characters(step)
        else:
            yield step
    yield from _resized(run, framing.write_size)


def _resized(run: list[Send], size: int) -> Iterator[Step]:
    """The same bytes in writes of one size; a piece of content counts where it begins."""
    data = b"".join(send.data for send in run)
    begins: list[int] = []
    at = 0
    for send in run:
        begins += [at] * send.content
        at += len(send.data)
    for start in range(0, len(data), size or 1):
        yield Send(data[start : start + size], bisect_left(begins, start + size) - bisect_left(begins, start))


def _cut_characters(step: Send) -> Iterator[Step]:
    """One write per stretch of bytes that begins inside a character and ends inside the next one."""
    start = 0
    for at, byte in enumerate(step.data):
        if byte >= _CONTINUES:  # the first byte of a character; the cut comes behind it
            yield Send(step.data[start : at + 1], step.content if start == 0 else 0)
            start = at + 1
    if start < len(step.data):
        yield Send(step.data[start:], step.content if start == 0 else 0)


def _typed(headers: Headers, framing: Framing) -> Headers:
    if not framing.content_type:
        return headers
    rest = [pair for pair in headers if pair[0] != b"content-type"]
    return [(b"content-type", framing.content_type.encode()), *rest]


def plain_plan(body: bytes) -> Plan:
    """A good JSON reply that no script touches."""
    return Plan(200, [JSON], (Send(body),), "length")
