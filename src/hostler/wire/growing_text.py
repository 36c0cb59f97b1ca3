"""Texts of a stream whose pieces are new, or repeat all before them, as servers will. Knows texts; knows no wire.

Some models force the one or the other, whatever is asked, so the pieces themselves tell.
"""

from typing import Final

_SURE: Final = 12
"""Characters after which a piece that begins with all before it is taken to repeat it."""


class Pieces:
    """Whether a reply's pieces repeat all before them: None as long as nobody knows."""

    __slots__ = ("repeat",)

    def __init__(self, repeat: bool | None) -> None:
        self.repeat = repeat


class GrowingText:
    """Finds what is new of one text. As long as nobody knows whether pieces repeat, one that begins with all before it
    waits, until that is too much for chance."""

    __slots__ = ("_held", "_passed", "_pieces", "_seen", "_sure")

    def __init__(self, pieces: Pieces, sure: int = _SURE) -> None:
        self._pieces = pieces
        self._sure = sure
        self._passed = ""  # all that was given as new, where pieces repeat
        self._seen = ""  # the last piece
        self._held: list[str] = []

    def take(self, text: str, *, last: bool = False) -> str:
        """What of a piece is new, with what had waited. `last`: nothing more is to be waited for."""
        pieces = self._pieces
        if pieces.repeat is None:
            self._judge(text, last=last)
        if pieces.repeat is None:
            return self._wait(text)
        if pieces.repeat:
            return self._rest(text)
        if self._held:
            text = "".join((*self._held, text))
            self._held.clear()
        return text

    def _judge(self, text: str, *, last: bool) -> None:
        if not text:
            if last and self._held:
                self._pieces.repeat = False
        elif self._seen and not text.startswith(self._seen):
            self._pieces.repeat = False
        elif self._seen and (last or len(self._seen) >= self._sure):
            self._pieces.repeat = True

    def _wait(self, text: str) -> str:
        if not text or self._seen:
            self._held += [text] if text else []
            self._seen = text or self._seen
            return ""
        self._passed = self._seen = text
        return text

    def _rest(self, text: str) -> str:
        text = text or (self._held[-1] if self._held else "")
        self._held.clear()
        if not text.startswith(self._passed):
            self._pieces.repeat = not text  # the server does not keep to what it began with
            return text
        new = text[len(self._passed) :]
        self._passed = self._seen = text
        return new
