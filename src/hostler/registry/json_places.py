"""Where each value stands in a JSON text, and edits of the text that leave the rest of it byte for byte.

Knows: JSON syntax, offsets, lines, indentation. Does not know: what the text means. Callers parse the text first:
everything here expects valid JSON.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Path = tuple[str | int, ...]

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_SCALAR: Final = re.compile(r"[^ \t\r\n,\]}]+")
_INDENT: Final = re.compile(r"[ \t]*")
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of one value; `start` of its first character, `end` behind its last; `before` where its key starts."""

    start: int
    end: int
    before: int


def spans(text: str) -> Mapping[Path, Span]:
    """The span of every value, by its path from the top: `("providers", 1, "baseUrl")`. Empty for too deep a text."""
    found: dict[Path, Span] = {}
    try:
        _value(text, _skip(text, 0), (), found)
    except RecursionError:
        return {}
    return found


def line_of(text: str, path: Path) -> int | None:
    """Line of a value, counted from 1; of the nearest value around it where it does not exist itself."""
    found = spans(text)
    for length in range(len(path), -1, -1):
        span = found.get(path[:length])
        if span is not None:
            return text.count("\n", 0, span.start) + 1
    return None


def show(path: Path) -> str:
    """A path as people write it: `providers[1].baseUrl`."""
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return shown.removeprefix(".")


def append_item(text: str, array: Path, value: object) -> str:
    """Add `value` at the end of an array, laid out like its neighbours."""
    found = spans(text)
    span, count = found[array], _length(found, array)
    if count:
        last = found[(*array, count - 1)]
        return _behind(text, span, last, _dump(text, last, value))
    return _into_empty(text, span, _one_line(value), "[]")


def append_member(text: str, thing: Path, key: str, value: object) -> str:
    """Add a member at the end of an object, laid out like its neighbours; the key must not be there yet."""
    found = spans(text)
    span = found[thing]
    written = f"{_one_line(key)}: "
    members = [found[p] for p in found if len(p) == len(thing) + 1 and p[:-1] == thing]
    if members:
        last = max(members, key=lambda member: member.start)
        return _behind(text, span, last, written + _dump(text, last, value))
    return _into_empty(text, span, written + _one_line(value), "{}")


def replace_value(text: str, path: Path, value: object) -> str:
    """Put `value` where another one stands."""
    span = spans(text)[path]
    return text[: span.start] + _dump(text, span, value) + text[span.end :]


def remove_item(text: str, array: Path, index: int) -> str:
    """Take one item out of an array, together with one comma and the line that it leaves empty."""
    found = spans(text)
    count, item = _length(found, array), found[(*array, index)]
    if count == 1:
        span = found[array]
        return text[: span.start] + "[]" + text[span.end :]
    if index == count - 1:
        return text[: found[(*array, index - 1)].end] + text[item.end :]
    return text[: item.start] + text[found[(*array, index + 1)].start :]


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, path: Path, found: dict[Path, Span], before: int | None = None) -> int:
    match text[at]:
        case "{":
            end = _members(text, at + 1, path, found)
        case "[":
            end = _items(text, at + 1, path, found)
        case '"':
            end = _DECODER.raw_decode(text, at)[1]
        case _:
            scalar = _SCALAR.match(text, at)
            end = scalar.end() if scalar else at + 1
    found[path] = Span(at, end, at if before is None else before)
    return end


def _members(text: str, at: int, path: Path, found: dict[Path, Span]) -> int:
    at = _skip(text, at)
    while text[at] != "}":
        key, end = _DECODER.raw_decode(text, at)
        colon = _skip(text, end)
        end = _skip(text, _value(text, _skip(text, colon + 1), (*path, str(key)), found, at))
        at = _skip(text, end + 1) if text[end] == "," else end
    return at + 1


def _items(text: str, at: int, path: Path, found: dict[Path, Span]) -> int:
    at, index = _skip(text, at), 0
    while text[at] != "]":
        end = _skip(text, _value(text, at, (*path, index), found))
        at, index = (_skip(text, end + 1) if text[end] == "," else end), index + 1
    return at + 1


def _length(found: Mapping[Path, Span], array: Path) -> int:
    return sum(1 for p in found if len(p) == len(array) + 1 and p[:-1] == array)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _indent_at(text: str, at: int) -> str:
    """The white space that the line of `at` starts with."""
    found = _INDENT.match(text, _line_start(text, at))
    return found.group() if found else ""


def _stands_first(text: str, at: int) -> bool:
    """Whether nothing but white space stands before `at` on its line."""
    return not text[_line_start(text, at) : at].strip()


def _one_line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _unit(text: str) -> str:
    """One step of indentation as the text has it; two spaces where it shows none."""
    for line in text.splitlines()[1:]:
        found = _INDENT.match(line)
        if found and found.group() and line.strip():
            return found.group()
    return "  "


def _dump(text: str, neighbour: Span, value: object) -> str:
    """Over several lines where the neighbour is, else on one."""
    if "\n" not in text[neighbour.start : neighbour.end] or not isinstance(value, dict | list):
        return _one_line(value)
    indent, newline = _indent_at(text, neighbour.before), _newline(text)
    return json.dumps(value, ensure_ascii=False, indent=_unit(text)).replace("\n", newline + indent)


def _behind(text: str, outer: Span, last: Span, written: str) -> str:
    if _stands_first(text, last.before) and "\n" in text[outer.start : last.before]:
        gap = _newline(text) + _indent_at(text, last.before)
    else:
        gap = " "
    return f"{text[: last.end]},{gap}{written}{text[last.end :]}"


def _into_empty(text: str, span: Span, written: str, brackets: str) -> str:
    indent, newline = _indent_at(text, span.start), _newline(text)
    inner = f"{newline}{indent}{_unit(text)}{written}{newline}{indent}"
    return text[: span.start] + brackets[0] + inner + brackets[1] + text[span.end :]
