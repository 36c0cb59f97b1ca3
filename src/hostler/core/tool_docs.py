"""Docstrings of tools: what the function does, and what each parameter means.

Knows: Google, numpy and reST styles. Does not know: signatures and schemas.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class ToolDocs:
    """The description without its sections, and texts by parameter name; each on one line."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict[str, str])


_SECTIONS: Final = (
    *("args", "arguments", "parameters", "params", "keyword args", "keyword arguments", "other parameters"),
    *("returns", "return", "yields", "yield", "raises", "warns", "examples", "example", "notes", "note", "see also"),
)
_ARGUMENTS: Final = frozenset(_SECTIONS[:7])
_GOOGLE_HEAD: Final = re.compile(r"^(?P<title>[A-Za-z ]+):\s*$")
_RULE: Final = re.compile(r"^-{3,}\s*$")
_GOOGLE_ITEM: Final = re.compile(r"^(?P<names>\*{0,2}\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)$")
_NUMPY_ITEM: Final = re.compile(r"^(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_REST_PARAM: Final = re.compile(
    r"^:(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?(?P<name>\w+)\s*:\s*(?P<text>.*)$"
)
_REST_FIELD: Final = re.compile(r"^:\w+[^:]*:")


def read_docs(docstring: str) -> ToolDocs:
    """Read a cleaned docstring (`inspect.getdoc`). Sections that say nothing about parameters are left out."""
    lines = docstring.splitlines()
    description: list[str] = []
    found: dict[str, str] = {}
    for title, body in _sections(lines):
        if title is None:
            plain, params = _split_rest(body)
            description += plain
            found |= params
        elif title in _ARGUMENTS:
            found |= _items(body)
    return ToolDocs(_paragraphs(description), found)


def _sections(lines: list[str]) -> Iterator[tuple[str | None, list[str]]]:
    """Cut at section heads: (None, lines) for what stands outside of any."""
    title: str | None = None
    body: list[str] = []
    skip = False
    for i, line in enumerate(lines):
        if skip:
            skip = False
            continue
        head, is_ruled = _head(lines, i)
        if head is None:
            body.append(line)
            continue
        yield title, body
        title, body, skip = head, [], is_ruled
    yield title, body


def _head(lines: list[str], i: int) -> tuple[str | None, bool]:
    """The section title that line `i` is, lower case, and whether a rule follows it (numpy)."""
    line = lines[i]
    if i + 1 < len(lines) and _RULE.match(lines[i + 1]) and line.strip().lower() in _SECTIONS:
        return line.strip().lower(), True
    found = _GOOGLE_HEAD.match(line)
    if found and found["title"].lower() in _SECTIONS:
        return found["title"].lower(), False
    return None, False


def _items(body: list[str]) -> dict[str, str]:
    """Parameters of a section, in Google's or numpy's form; deeper lines continue the one above."""
    lines = [line for line in body if line.strip()]
    if not lines:
        return {}
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for line in lines:
        text = line.strip()
        is_item = len(line) - len(line.lstrip()) == margin
        google, numpy = _GOOGLE_ITEM.match(text), _NUMPY_ITEM.match(text)
        if is_item and margin and google:
            names = [google["names"].lstrip("*")]
            found[names[0]] = [google["text"]]
        elif is_item and numpy:
            names = [name.strip().lstrip("*") for name in numpy["names"].split(",")]
            found |= {name: list[str]() for name in names}
        else:
            for name in names:
                found[name].append(text)
    return {name: " ".join(part for part in parts if part) for name, parts in found.items()}


def _split_rest(body: list[str]) -> tuple[list[str], dict[str, str]]:
    """Take `:param name: text` fields out; other fields (`:returns:`) and their continuations are dropped."""
    plain: list[str] = []
    found: dict[str, str] = {}
    name: str | None = None
    in_fields = False
    for line in body:
        text = line.strip()
        param = _REST_PARAM.match(text)
        if param:
            found[param["name"]] = param["text"]
            name, in_fields = str(param["name"]), True
        elif _REST_FIELD.match(text):
            name, in_fields = None, True
        elif not in_fields or not text:
            in_fields = False
            plain.append(line)
        elif name is not None:
            found[name] = f"{found[name]} {text}".strip()
    return plain, found


def _paragraphs(lines: list[str]) -> str:
    """Lines of one paragraph become one; paragraphs stay apart."""
    blocks = re.split(r"\n\s*\n", "\n".join(lines).strip())
    return "\n\n".join(" ".join(block.split()) for block in blocks if block.strip())
