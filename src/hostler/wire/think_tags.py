"""Thinking that stands in tags at the beginning of a reply's text, as many open models write it.

Knows: `<think>...</think>` however it is cut. Does not know: wires, which models do so. Only the beginning of a text
counts: further in it, and in code, such tags are something that is talked about.
"""

from typing import Final, Literal

_BLANK: Final = " \t\r\n"


class TagSplitter:
    """Text in pieces, thinking and text out in pieces: `(is_thinking, piece)`, none of them empty.

    Blanks at the ends of thinking, and behind it, belong to neither.
    """

    __slots__ = ("_blocks", "_close", "_growing", "_held", "_names", "_state")

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._held = ""  # what may yet be a tag, or the blanks around one
        self._close = ""  # the tag that ends the thinking at hand
        self._blocks = 0  # how many times something was thought
        self._growing = False  # whether the thinking at hand was passed on in part
        self._state: Literal["start", "think", "text"] = "start" if names else "text"

    @property
    def plain(self) -> bool:
        """Whether nothing but text can come any more."""
        return self._state == "text"

    def feed(self, piece: str) -> list[tuple[bool, str]]:
        """What `piece` makes certain."""
        out: list[tuple[bool, str]] = []
        self._held += piece
        while self._state != "text" and (self._open() if self._state == "start" else self._think(out)):
            pass
        if self._state == "text" and self._held:
            out.append((False, self._held))
            self._held = ""
        return out

    def flush(self) -> list[tuple[bool, str]]:
        """At the end of the text, or where something else interrupts it: what was held back is what it looks like."""
        held, self._held = self._held, ""
        if self._state == "think":
            held = held.rstrip(_BLANK) and self._apart(held.rstrip(_BLANK))
            return [(True, held)] if held else []
        return [(False, held)] if held and not (self._close and not held.strip(_BLANK)) else []

    def _open(self) -> bool:
        """Look for an opening tag; whether there is one."""
        text = self._held.lstrip(_BLANK)
        for name in self._names:
            tag = f"<{name}>"
            if text.startswith(tag):
                self._held = text.removeprefix(tag)
                self._close = f"</{name}>"
                self._state = "think"
                self._growing = False
                return True
        if text and not any(f"<{name}>".startswith(text) for name in self._names):
            self._state = "text"
            if self._close:
                self._held = text
        return False

    def _think(self, out: list[tuple[bool, str]]) -> bool:
        """Pass thinking on; whether its closing tag was met."""
        text, found, rest = self._held.partition(self._close)
        if not self._growing:
            text = text.lstrip(_BLANK)
        whole = (text if found else text[: len(text) - _overlap(text, self._close)]).rstrip(_BLANK)
        if whole:
            out.append((True, self._apart(whole)))
        if found:
            self._held = rest
            self._state = "start"
        else:
            self._held = text[len(whole) :]
        return bool(found)

    def _apart(self, thinking: str) -> str:
        """`thinking`, kept apart from what was thought before it in tags of its own."""
        if self._growing:
            return thinking
        self._growing = True
        self._blocks += 1
        return thinking if self._blocks == 1 else "\n\n" + thinking


def split_tags(text: str, names: tuple[str, ...]) -> tuple[str, str]:
    """Thinking and text of a whole reply's text."""
    if "<" not in text:
        return "", text
    splitter = TagSplitter(names)
    pieces = splitter.feed(text) + splitter.flush()
    return (
        "".join(piece for is_thinking, piece in pieces if is_thinking),
        "".join(piece for is_thinking, piece in pieces if not is_thinking),
    )


def in_tags(thinking: str, name: str) -> str:
    """Thinking as its model wrote it, to be put before the text that followed."""
    return f"<{name}>\n{thinking}\n</{name}>\n\n"


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of `text` may begin `tag`."""
    for size in range(min(len(text), len(tag) - 1), 0, -1):
        if tag.startswith(text[-size:]):
            return size
    return 0
