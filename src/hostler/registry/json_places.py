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
    scan = _Scan(text)
    try:
        scan.value(scan.skip(0), ())
    except RecursionError:
        return {}
    return scan.found


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


class _Scan:
    """One walk over a text, which writes down every value it passes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: dict[Path, Span] = {}

    def skip(self, at: int) -> int:
        """Behind the white space at `at`."""
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def value(self, at: int, path: Path, *, before: int | None = None) -> int:
        """Pass the value at `at` and return the offset behind it."""
        match self.text[at]:
            case "{":
                end = self._members(at + 1, path)
            case "[":
                end = self._items(at + 1, path)
            case '"':
                end = _DECODER.raw_decode(self.text, at)[1]
            case _:
                scalar = _SCALAR.match(self.text, at)
                end = scalar.end() if scalar else at + 1
        self.found[path] = Span(at, end, at if before is None else before)
        return end

    def _members(self, at: int, path: Path) -> int:
        at = self.skip(at)
        while self.text[at] != "}":
            key, end = _DECODER.raw_decode(self.text, at)
            colon = self.skip(end)
            end = self.skip(self.value(self.skip(colon + 1), (*path, str(key)), before=at))
            at = self.skip(end + 1) if self.text[end] == "," else end
        return at + 1

    def _items(self, at: int, path: Path) -> int:
        at, index = self.skip(at), 0
        while self.text[at] != "]":
            end = self.skip(self.value(at, (*path, index)))
            at, index = (self.skip(end + 1) if self.text[end] == "," else end), index + 1
        return at + 1


class JsonText:
    """A text and where its values stand. Every edit returns the new text as a string and changes nothing here."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found = spans(text)
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def with_item(self, array: Path, value: object) -> str:
        """Add `value` at the end of an array, laid out like its neighbours."""
        count = self._length(array)
        if not count:
            return self._into_empty(self._found[array], _one_line(value), brackets="[]")
        last = self._found[(*array, count - 1)]
        return self._behind(self._found[array], last, written=self._dump(last, value))

    def with_member(self, thing: Path, key: str, *, value: object) -> str:
        """Add a member at the end of an object, laid out like its neighbours; the key must not be there yet."""
        written = f"{_one_line(key)}: "
        members = [self._found[p] for p in self._found if len(p) == len(thing) + 1 and p[:-1] == thing]
        if not members:
            return self._into_empty(self._found[thing], written + _one_line(value), brackets="{}")
        last = max(members, key=lambda member: member.start)
        return self._behind(self._found[thing], last, written=written + self._dump(last, value))

    def with_value(self, path: Path, value: object) -> str:
        """Put `value` where another one stands."""
        span = self._found[path]
        return self.text[: span.start] + self._dump(span, value) + self.text[span.end :]

    def without_item(self, array: Path, index: int) -> str:
        """Take one item out of an array, together with one comma and the line that it leaves empty."""
        text, count, item = self.text, self._length(array), self._found[(*array, index)]
        if count == 1:
            span = self._found[array]
            return text[: span.start] + "[]" + text[span.end :]
        if index == count - 1:
            return text[: self._found[(*array, index - 1)].end] + text[item.end :]
        return text[: item.start] + text[self._found[(*array, index + 1)].start :]

    def _length(self, array: Path) -> int:
        return sum(1 for p in self._found if len(p) == len(array) + 1 and p[:-1] == array)

    def _line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _indent_at(self, at: int) -> str:
        """The white space that the line of `at` starts with."""
        found = _INDENT.match(self.text, self._line_start(at))
        return found.group() if found else ""

    def _stands_first(self, at: int) -> bool:
        """Whether nothing but white space stands before `at` on its line."""
        return not self.text[self._line_start(at) : at].strip()

    def _unit(self) -> str:
        """One step of indentation as the text has it; two spaces where it shows none."""
        for line in self.text.splitlines()[1:]:
            found = _INDENT.match(line)
            if found and found.group() and line.strip():
                return found.group()
        return "  "

    def _dump(self, neighbour: Span, value: object) -> str:
        """Over several lines where the neighbour is, else on one."""
        if "\n" not in self.text[neighbour.start : neighbour.end] or not isinstance(value, dict | list):
            return _one_line(value)
        indented = json.dumps(value, ensure_ascii=False, indent=self._unit())
        return indented.replace("\n", self._newline + self._indent_at(neighbour.before))

    def _behind(self, outer: Span, last: Span, *, written: str) -> str:
        if self._stands_first(last.before) and "\n" in self.text[outer.start : last.before]:
            gap = self._newline + self._indent_at(last.before)
        else:
            gap = " "
        return f"{self.text[: last.end]},{gap}{written}{self.text[last.end :]}"

    def _into_empty(self, span: Span, written: str, *, brackets: str) -> str:
        indent = self._indent_at(span.start)
        inner = f"{self._newline}{indent}{self._unit()}{written}{self._newline}{indent}"
        return self.text[: span.start] + brackets[0] + inner + brackets[1] + self.text[span.end :]


def _one_line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
