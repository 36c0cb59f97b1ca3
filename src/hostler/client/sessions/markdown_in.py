"""Markdown of `markdown_out`, or written by hand with the same headings, as a session again.

Knows: the file's layout. Does not know: the database. Pure. Raises RequestError that names the line.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar, cast

import msgspec

from hostler.client.sessions.exported import MAX_MESSAGES, VERSION, ExportedMessage, ExportedSession, checked
from hostler.client.sessions.markdown_out import FOLDED, MARKED, MARKED_FOLDED, SECTIONS
from hostler.client.sessions.parts import Parts, TextPart, public
from hostler.client.sessions.titles import LONGEST, one_line
from hostler.errors import RequestError

_HEADING: Final = re.compile(r"## (User|Assistant|System)(?: \((.*)\))?\s*")
_COMMENT: Final = re.compile(r"<!-- hostler:(message|part|branch) (.*) -->\s*")
_IMAGE: Final = re.compile(r"!\[.*\]\(data:[^;,()]*;base64,([A-Za-z0-9+/_=-]*)\)\s*")
_FIELD: Final = re.compile(r"([A-Za-z_]+):\s*(.*?)\s*")
_ROLES: Final = {heading: role for role, heading in SECTIONS.items()}
_STRUCTURAL: Final = frozenset({"id", "parent", "role", "parts", "type"})
T = TypeVar("T")


@dataclass(slots=True)
class _Block:
    """Lines that belong together; `about` is None for text without a comment before it."""

    line: int
    about: dict[str, object] | None = None
    lines: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Section:
    """One message; the first block is what stands before any comment. `after`: the number of its parent, 0: none."""

    line: int
    role: str
    after: int
    about: dict[str, object]
    blocks: list[_Block]


class _Branch(msgspec.Struct, frozen=True):
    """The next section follows that message; messages count from 1 in the file."""

    after: int


def session_of(text: str) -> ExportedSession:
    """The session that a file describes; what is shown of it ends where the first branch begins."""
    lines = text.removeprefix("\ufeff").split("\n")
    front, start = _front(lines)
    exact = front.get("hostler") == "session"
    if exact and front.get("version") != VERSION:
        raise _wrong(1, f"this file has version {front.get('version')}; this hostler reads version {VERSION}")
    sections, title = _sections(lines, start)
    if not sections:
        raise _wrong(len(lines), "no section '## User' or '## Assistant' was found")
    if len(sections) > MAX_MESSAGES:
        raise _wrong(sections[MAX_MESSAGES].line, f"more than {MAX_MESSAGES} messages")
    messages: list[ExportedMessage] = []
    for n, section in enumerate(sections):
        messages.append(_message(section, str(n + 1), exact=exact))
    return checked(
        _convert(
            {
                "title": one_line(str(front.get("title") or title))[:LONGEST],
                "model": front.get("model", ""),
                "created": _time(front.get("date")),
                "updated": _time(front.get("updated")),
                "folder": front.get("folder", ""),
                "system": front.get("system", ""),
                "params": front.get("params", {}),
                "pinned": front.get("pinned", False),
                "leaf": _shown(sections),
                "messages": messages,
            },
            ExportedSession,
            line=1,
        ),
        "the file",
    )


# ------------------------------------------------------------------------- lines


def _front(lines: list[str]) -> tuple[dict[str, object], int]:
    """The front matter's fields and the line it ends at; none when the file begins otherwise."""
    if lines[0].rstrip() != "---":
        return {}, 0
    fields: dict[str, object] = {}
    for n, line in enumerate(lines[1:], 1):
        if line.rstrip() == "---":
            return fields, n + 1
        if found := _FIELD.fullmatch(line.rstrip("\r")):
            fields[found[1]] = _value(found[2])
    raise _wrong(1, "the front matter is not closed by '---'")


def _value(text: str) -> object:
    try:
        return cast("object", json.loads(text))
    except ValueError:
        return text


def _sections(lines: list[str], start: int) -> tuple[list[_Section], str]:
    sections: list[_Section] = []
    title = ""
    after: int | None = None  # once a branch was announced: what stands before its first section is for people
    for n, line in enumerate(lines[start:], start + 1):
        if heading := _HEADING.fullmatch(line):
            about: dict[str, object] = {"model": heading[2]} if heading[2] else {}
            follows = len(sections) if after is None else after
            sections.append(_Section(n, _ROLES[heading[1]], follows, about, [_Block(n)]))
            after = None
        elif not sections:
            title = title or (line[2:].strip() if line.startswith("# ") else "")
        elif comment := _COMMENT.fullmatch(line):
            if comment[1] == "branch":
                after = _branch(comment[2], line=n, most=len(sections))
            elif after is None:
                _take_comment(sections[-1], comment, line=n)
        elif after is None:
            sections[-1].blocks[-1].lines.append(line)
    return sections, title


def _branch(text: str, *, line: int, most: int) -> int:
    try:
        after = msgspec.json.decode(text, type=_Branch).after
    except msgspec.DecodeError as error:
        raise _wrong(line, f"the comment does not say what the branch follows: {error}") from None
    if not 0 <= after <= most:
        raise _wrong(line, f"there is no message {after} before this that a branch could follow")
    return after


def _shown(sections: list[_Section]) -> str:
    """The last message before the first branch."""
    return next((str(n) for n, section in enumerate(sections) if section.after != n), str(len(sections)))


def _take_comment(section: _Section, comment: re.Match[str], *, line: int) -> None:
    try:
        about = msgspec.json.decode(comment[2], type=dict[str, object])
    except msgspec.DecodeError as error:
        raise _wrong(line, f"the comment does not hold a JSON object: {error}") from None
    if comment[1] == "part":
        section.blocks.append(_Block(line, about))
    else:
        section.about |= {name: value for name, value in about.items() if name not in _STRUCTURAL}


# ------------------------------------------------------------------------- records


def _message(section: _Section, id: str, *, exact: bool) -> ExportedMessage:
    parts = [part for block in section.blocks for part in _parts(block, exact=exact)]
    parent = str(section.after) if section.after else None
    fields = section.about | {"id": id, "parent": parent, "role": section.role}
    message = _convert(fields, ExportedMessage, line=section.line)
    return msgspec.structs.replace(message, parts=tuple(parts))


def _parts(block: _Block, *, exact: bool) -> Parts:
    if block.about is None:
        text = _text(block.lines, MARKED, exact=exact)
        return (TextPart(text=text),) if text.strip("\r\n") else ()
    about = block.about
    kind = about.get("type")
    if kind == "image" and "data" not in about:
        about["data"] = _image_data(block)
    elif kind in FOLDED:
        about["arguments" if kind == "tool_call" else "text"] = _text(_folded(block), MARKED_FOLDED, exact=True)
    elif kind != "image":
        about["text"] = _text(block.lines, MARKED, exact=True)
    return public(_convert([about], Parts, line=block.line))


def _text(lines: list[str], marked: re.Pattern[str], *, exact: bool) -> str:
    """The text between two of our lines: an empty line on each side is not part of it."""
    inner = lines[1:] if lines and not lines[0].strip("\r") else lines
    inner = inner[:-1] if inner and not inner[-1].strip("\r") else inner
    text = "\n".join(line[1:] if line.startswith("\\") and marked.match(line) else line for line in inner)
    return text if exact else text.strip()


def _folded(block: _Block) -> list[str]:
    """What stands between <details> and </details>."""
    lines = block.lines
    opened = next((n for n, line in enumerate(lines) if line.startswith("<details")), None)
    closed = next((n for n, line in enumerate(lines) if line.rstrip() == "</details>"), None)
    if opened is None or closed is None or closed < opened:
        raise _wrong(block.line, "what this comment announces does not stand between <details> and </details>")
    return lines[opened + 1 : closed]


def _image_data(block: _Block) -> str:
    for line in block.lines:
        if found := _IMAGE.fullmatch(line):
            return found[1]
    raise _wrong(block.line, "no image as a data URI follows this comment")


def _convert(fields: object, kind: type[T], *, line: int) -> T:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise _wrong(line, str(error)) from None


def _time(value: object) -> int:
    """Unix ms of an ISO time; 0 when there is none."""
    try:
        return max(round(datetime.fromisoformat(str(value)).timestamp() * 1000), 0) if value else 0
    except (ValueError, OverflowError):
        return 0


def _wrong(line: int, what: str) -> RequestError:
    return RequestError(f"Line {line}: {what}.", hint="Nothing was imported.")
