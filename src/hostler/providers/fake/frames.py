"""Knows the pieces that a streamed answer is made of, and how each is put into the bytes of its stream.

Does not know: any wire's JSON, or when a piece is sent.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from hostler.providers.fake.script import Framing

_LINE_ENDS: Final = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream; `content` when it carries a piece of what was said (text, reasoning, arguments).

    `lines` stand in the event above its data, which then follows its colon at once. `numbered` data begins with its
    place in the stream as `sequence_number`. `bare` data is no event: it goes out as it stands.
    """

    data: str
    event: str = ""
    content: bool = False
    lines: tuple[str, ...] = ()
    numbered: bool = False
    bare: bool = False


def frame(data: object, event: str = "", *, content: bool = False) -> Frame:
    """A frame whose data is this value as JSON."""
    return Frame(msgspec.json.encode(data).decode(), event, content)


def lines_of(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames as lines of JSON."""
    for piece in frames:
        yield replace(piece, data=piece.data + "\n", bare=True)


def array_of(frames: Iterable[Frame], *, begun: bool = False) -> Iterator[Frame]:
    """The frames as the elements of one JSON array, which is closed in the end; `begun` when some have gone before."""
    for piece in frames:
        yield replace(piece, data=(",\r\n" if begun else "[") + piece.data + "\n", bare=True)
        begun = True
    yield Frame("]" if begun else "[]", bare=True)


def frame_bytes(piece: Frame, framing: Framing, *, number: int) -> bytes:
    """The event on the line, in the manner that `framing` asks for; `number` is its place in the stream."""
    if piece.bare:
        return piece.data.encode()
    blank = "" if framing.fields or piece.lines else " "
    lines: list[str] = []
    if framing.comments:
        lines.append(f": comment {number}")
    if piece.event:
        lines.append(f"event:{blank}{piece.event}")
    if framing.fields:
        lines += [f"id: {number}", "retry: 3000", "unknown"]
    lines += piece.lines
    text = f'{{"sequence_number":{number},{piece.data[1:]}' if piece.numbered else piece.data
    data = _over_lines(text) if framing.multiline else [text]
    lines += [f"data:{blank}{part}" for part in data]
    return "".join(line + _LINE_ENDS[framing.line_end] for line in [*lines, ""]).encode()


def _over_lines(data: str) -> list[str]:
    """JSON with a line break behind each comma between its tokens, where white space means nothing."""
    lines = [""]
    quoted = escaped = False
    for sign in data:
        lines[-1] += sign
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == '"':
            quoted = not quoted
        elif sign == "," and not quoted:
            lines.append("")
    return lines
