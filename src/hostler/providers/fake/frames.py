"""Knows the pieces that a streamed answer is made of, and how each is put into the bytes of server-sent events.

Does not know: either wire's JSON, or when a piece is sent.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from hostler.providers.fake.script import Framing

_LINE_ENDS: Final = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream; `content` when it carries a piece of what was said (text, reasoning, arguments)."""

    data: str
    event: str = ""
    content: bool = False


def frame(data: object, event: str = "", *, content: bool = False) -> Frame:
    """A frame whose data is this value as JSON."""
    return Frame(msgspec.json.encode(data).decode(), event, content)


def frame_bytes(piece: Frame, framing: Framing, *, number: int) -> bytes:
    """The event on the line, in the manner that `framing` asks for; `number` is its place in the stream."""
    blank = "" if framing.fields else " "
    lines: list[str] = []
    if framing.comments:
        lines.append(f": comment {number}")
    if piece.event:
        lines.append(f"event:{blank}{piece.event}")
    if framing.fields:
        lines += [f"id: {number}", "retry: 3000", "unknown"]
    data = _over_lines(piece.data) if framing.multiline else [piece.data]
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
