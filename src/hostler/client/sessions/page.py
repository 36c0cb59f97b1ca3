"""A session's visible path as one HTML file to share: no scripts, nothing loaded, readable in light and dark.

Knows: HTML. Does not know: the tree, the database. Pure. Everything anybody said is escaped; of Markdown only code
blocks and code within a line are shown as such.
"""

import re
from collections.abc import Sequence
from html import escape
from typing import Final, assert_never

from hostler.client.sessions.exported import ExportedMessage, ExportedSession
from hostler.client.sessions.markdown_out import BASE64, SECTIONS, iso
from hostler.client.sessions.parts import (
    DocumentPart,
    ImagePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
_STYLE: Final = """
:root{color-scheme:light dark;--ground:#fff;--text:#1c1e21;--soft:#5b6068;--line:#d9dce1;--raised:#f4f5f7}
@media(prefers-color-scheme:dark){:root{--ground:#16181c;--text:#e8e9eb;--soft:#a2a8b3;--line:#353a42;--raised:#20242a}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:50rem;padding:1.5rem 1rem 4rem;background:var(--ground);color:var(--text);
font:1rem/1.6 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.3}
h2{font-size:.875rem;margin:0 0 .5rem;color:var(--soft)}
header p,footer{color:var(--soft);font-size:.875rem}
article{border-top:1px solid var(--line);padding:1.25rem 0}
article.user{background:var(--raised);border:0;border-radius:.75rem;padding:1rem;margin:1rem 0}
p{margin:0 0 .75rem;white-space:pre-wrap}
pre{margin:0 0 .75rem;padding:.75rem;overflow-x:auto;background:var(--raised);border:1px solid var(--line);
border-radius:.5rem;white-space:pre;overflow-wrap:normal}
code{font:.875em/1.5 ui-monospace,monospace}
p code{background:var(--raised);border-radius:.25rem;padding:.1em .3em}
details{border:1px solid var(--line);border-radius:.5rem;padding:.5rem .75rem;margin:0 0 .75rem}
summary{cursor:pointer;color:var(--soft)}
details[open] summary{margin-bottom:.5rem}
img{max-width:100%;height:auto}
.note{color:var(--soft);font-style:italic}
"""
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})[^`\n]*")
_CODE: Final = re.compile(r"(?<!`)(`+)(?!`)([^\n]+?)(?<!`)\1(?!`)")
_LONGEST_SEARCHED: Final = 20_000  # characters: looking for pairs of backticks is not linear
_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"})


def page(session: ExportedSession, path: Sequence[ExportedMessage]) -> str:
    """The file's text; `path` is what is shown of the session, from the root on."""
    title = escape(session.title or "Session")
    about = [f'<time datetime="{iso(session.created)}">{iso(session.created)[:10]}</time>'] if session.created else []
    if session.model:
        about.append(escape(session.model))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer"><meta name="generator" content="hostler">',
            f"<title>{title}</title><style>{_STYLE}</style></head><body>",
            f'<header><h1 dir="auto">{title}</h1><p>{" · ".join(about)}</p></header>',
            "<main>",
            *(_article(message) for message in path),
            "</main>",
            "</body></html>",
            "",
        ]
    )


def _article(message: ExportedMessage) -> str:
    who = SECTIONS[message.role] + (f" ({escape(message.model)})" if message.model else "")
    parts = "\n".join(_part(part) for part in message.parts)
    note = "" if message.state == "complete" else f'\n<p class="note">{_ended(message)}</p>'
    return f'<article class="{message.role}" dir="auto"><h2>{who}</h2>\n{parts}{note}</article>'


def _ended(message: ExportedMessage) -> str:
    why = f": {escape(message.error.message)}" if message.error else ""
    return f"This message is {message.state}{why}."


def _part(part: Part) -> str:
    match part:
        case TextPart(text=text) | RefusalPart(text=text):
            return _text(text)
        case ReasoningPart(text=text, duration_ms=duration):
            took = "" if duration is None else f" ({duration / 1000:.1f} s)"
            return _folded(f"Reasoning{took}", _text(text))
        case DocumentPart(name=name, text=text):
            return _folded(f"Attachment: {name}", _code(text))
        case ToolCallPart(name=name, arguments=arguments):
            return _folded(f"Tool call: {name}", _code(arguments))
        case ToolResultPart(text=text, is_error=is_error):
            return _folded("Tool error" if is_error else "Tool result", _code(text))
        case ImagePart():
            return _image(part)
        case _:
            assert_never(part)


def _image(part: ImagePart) -> str:
    if part.media_type not in _IMAGES or not BASE64.fullmatch(part.data):
        return f'<p class="note">Image: {escape(part.name)}</p>'
    return f'<p><img alt="{escape(part.name)}" src="data:{part.media_type};base64,{part.data}"></p>'


def _folded(summary: str, inner: str) -> str:
    return f'<details><summary dir="auto">{escape(summary)}</summary>\n{inner}\n</details>'


def _text(text: str) -> str:
    """Paragraphs, and the code blocks between them; one that is not closed goes to the end."""
    shown: list[str] = []
    prose: list[str] = []
    block: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line.rstrip("\r"))
        if fence:
            if found and found[1].startswith(fence) and line.strip() == found[1]:
                shown.append(_code("\n".join(block)))
                fence, block = "", []
            else:
                block.append(line)
        elif found:
            shown += _paragraphs(prose)
            fence, prose = found[1], []
        else:
            prose.append(line)
    return "\n".join([*shown, *([_code("\n".join(block))] if fence else []), *_paragraphs(prose)])


def _paragraphs(lines: list[str]) -> list[str]:
    found = re.split(r"\n\s*\n", "\n".join(lines).strip("\r\n"))
    return [f'<p dir="auto">{_spans(paragraph)}</p>' for paragraph in found if paragraph.strip()]


def _spans(text: str) -> str:
    if len(text) > _LONGEST_SEARCHED:
        return escape(text)
    shown: list[str] = []
    at = 0
    for found in _CODE.finditer(text):
        shown += [escape(text[at : found.start()]), f"<code>{escape(found[2])}</code>"]
        at = found.end()
    return "".join([*shown, escape(text[at:])])


def _code(text: str) -> str:
    return f'<pre dir="ltr" tabindex="0"><code>{escape(text)}</code></pre>'
