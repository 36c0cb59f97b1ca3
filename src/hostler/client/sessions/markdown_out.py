"""A session's tree as Markdown that a person can read and `markdown_in` takes back, word for word.

Knows: the file's layout. Does not know: the database. Pure.

Layout: front matter; a section per message (`## User`, `## Assistant (model)`), what is shown first, one after the
other; then the other branches, each after a comment that names the message it follows by its number in the file. Such
comments, `<!-- hostler:... {JSON} -->`, which no viewer shows, say what the text cannot. A line of somebody's text that
looks like one of these gets a backslash before it, and one that has backslashes there already gets one more.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, cast

import msgspec

from hostler.client.sessions.exported import NOTE, VERSION, ExportedMessage, ExportedSession
from hostler.client.sessions.parts import (
    DocumentPart,
    ImagePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    visible_text,
)
from hostler.client.sessions.titles import title_from
from hostler.client.sessions.tree import Node, Tree

SECTIONS: Final = {"user": "User", "assistant": "Assistant", "system": "System"}
MARKED: Final = re.compile(r"\\*(?:## (?:User|Assistant|System)|<!-- hostler:)")
"""A line that is ours, or would be without its backslashes."""
MARKED_FOLDED: Final = re.compile(r"\\*(?:## (?:User|Assistant|System)|<!-- hostler:|</details>)")
"""The same within <details>."""
FOLDED: Final = frozenset({"reasoning", "document", "tool_call", "tool_result"})
BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-zA-Z0-9.+-]+")
_PLAIN_MODEL: Final = re.compile(r"[^\s\\](?:[^\r\n\\]*[^\s\\])?")
_ELSEWHERE: Final = frozenset({"id", "parent", "role", "parts"})
_BEGINNING: Final = ('<!-- hostler:branch {"after": 0} -->', "> **Another beginning:**", "")


def markdown(session: ExportedSession, path: Sequence[ExportedMessage]) -> str:
    """The file's text; `path` is what is shown of the session, from the root on; it comes first."""
    lines = ["---", "hostler: session", f"version: {VERSION}"]
    lines += [f"{name}: {_json(value)}" for name, value in _front(session).items()]
    lines += [f"# {NOTE}", "---", "", f"# {session.title}", ""]
    written: dict[str, tuple[int, ExportedMessage]] = {}
    before: str | None = None
    for message in _in_order(session, path):
        if written and message.parent != before:
            lines += _branch(*written[message.parent]) if message.parent else _BEGINNING
        lines += _section(message)
        before = message.id
        written[before] = len(written) + 1, message
    return "\n".join(lines)


def iso(ms: int) -> str:
    """A time in unix ms as ISO 8601 in UTC, to the millisecond."""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"


def _front(session: ExportedSession) -> Mapping[str, object]:
    front: dict[str, object] = {"title": session.title, "model": session.model}
    for name, ms in (("date", session.created), ("updated", session.updated)):
        if ms:
            front[name] = iso(ms)
    for name in ("folder", "pinned", "system"):
        if getattr(session, name):
            front[name] = getattr(session, name)
    if params := msgspec.to_builtins(session.params):
        front["params"] = params
    return front


def _in_order(session: ExportedSession, path: Sequence[ExportedMessage]) -> Iterator[ExportedMessage]:
    """What is shown, then all others, each behind the one that it follows."""
    yield from path
    by_id = {message.id: message for message in session.messages}
    shown = {message.id for message in path}
    tree = Tree(Node(message.id, message.parent, message.order) for message in session.messages)
    yield from (by_id[id] for id in tree.below(None) if id not in shown)


def _branch(number: int, after: ExportedMessage) -> list[str]:
    """Where the sections that follow belong, for the reader and for the eye."""
    remark = f"> **Another branch, after message {number}:** {html.escape(title_from(visible_text(after.parts)))}"
    return [_comment("branch", {"after": number}), remark.rstrip(), ""]


def _section(message: ExportedMessage) -> list[str]:
    about = {k: v for k, v in _builtins(message).items() if k not in _ELSEWHERE}
    heading = f"## {SECTIONS[message.role]}"
    if message.model and _PLAIN_MODEL.fullmatch(message.model):
        heading += f" ({message.model})"
        del about["model"]
    lines = [heading]
    if about:
        lines.append(_comment("message", about))
    for n, part in enumerate(message.parts):
        plain = n == 0 and isinstance(part, TextPart) and bool(part.text.strip("\r\n"))
        lines += _part(part, plain=plain)
    return lines if message.parts else [*lines, ""]


def _part(part: Part, *, plain: bool) -> list[str]:
    about = _builtins(part)
    if isinstance(part, ImagePart):
        return _image(part, about)
    text = str(about.pop("arguments" if isinstance(part, ToolCallPart) else "text", ""))
    if plain:
        return ["", *_escaped(text, MARKED), ""]
    if about["type"] not in FOLDED:
        return [_comment("part", about), "", *_escaped(text, MARKED), ""]
    inner = _escaped(text, MARKED_FOLDED)
    opening = f"<details><summary>{html.escape(_summary(part))}</summary>"
    return [_comment("part", about), opening, "", *inner, "", "</details>", ""]


def _image(part: ImagePart, about: dict[str, object]) -> list[str]:
    if not (BASE64.fullmatch(part.data) and MEDIA_TYPE.fullmatch(part.media_type)):
        return [_comment("part", about), ""]
    del about["data"]
    name = re.sub(r"[\[\]\\\s]+", " ", part.name).strip() or "image"
    return [_comment("part", about), "", f"![{name}](data:{part.media_type};base64,{part.data})", ""]


def _summary(part: Part) -> str:
    match part:
        case ReasoningPart(duration_ms=duration):
            return "Reasoning" if duration is None else f"Reasoning ({duration / 1000:.1f} s)"
        case DocumentPart(name=name):
            return f"Attachment: {' '.join(name.split())}"
        case ToolCallPart(name=name):
            return f"Tool call: {' '.join(name.split())}"
        case _:
            return "Tool result"


def _escaped(text: str, marked: re.Pattern[str]) -> list[str]:
    return ["\\" + line if marked.match(line) else line for line in text.split("\n")]


def _comment(kind: str, about: Mapping[str, object]) -> str:
    """A comment that nothing within it can end."""
    return f"<!-- hostler:{kind} {_json(about).replace('>', chr(92) + 'u003e')} -->"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _builtins(record: msgspec.Struct) -> dict[str, object]:
    return cast("dict[str, object]", msgspec.to_builtins(record))
