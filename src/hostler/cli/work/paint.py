"""How a reply looks as it comes: plain text anywhere, Markdown on a terminal.

Knows: what may be printed for good and what may still change. Does not know: models and deltas.
"""

import re
import sys
import time
from typing import Final, TextIO

import click

from hostler.cli.work.answer import Painter

REFRESH_S: Final = 0.08
_MARGIN: Final = 4
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


def painter(*, markdown: bool) -> Painter:
    """The one for this standard output."""
    return Markdowned() if markdown and sys.stdout.isatty() else Plain(sys.stdout)


class Dim:
    """Reasoning, dim, on standard error, and only where a person reads it: it never mixes with the answer."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._open = False

    def add(self, fragment: str) -> None:
        """More of it."""
        if self._shown:
            self._open = True
            click.echo(click.style(harmless(fragment), dim=True), err=True, nl=False)

    def end(self) -> None:
        """The answer begins, or ends."""
        if self._open:
            self._open = False
            click.echo("\n", err=True)


class Plain:
    """Text as it comes; the last line is ended."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._dim = Dim()
        self._last = "\n"

    def text(self, fragment: str) -> None:
        if not fragment:
            return
        self._dim.end()
        self._out.write(harmless(fragment) if self._terminal else fragment)
        self._out.flush()
        self._last = fragment[-1]

    def reasoning(self, fragment: str) -> None:
        self._dim.add(fragment)

    def end(self) -> None:
        self._dim.end()
        if self._last != "\n":
            self._out.write("\n")
        self._out.flush()


class Markdowned:
    """Whole blocks are printed once for good; the block that still grows is drawn anew below them."""

    def __init__(self) -> None:
        from rich.console import Console  # lazy: rich takes 80 ms, and only a terminal needs it
        from rich.live import Live  # lazy: see above

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._dim = Dim()
        self._pending = ""
        self._drawn = 0.0

    def text(self, fragment: str) -> None:
        if not self._live.is_started:
            self._dim.end()
            self._live.start()
        whole, self._pending = split_whole(self._pending + harmless(fragment))
        if whole:
            self._print(whole)
        now = time.monotonic()
        if now - self._drawn >= REFRESH_S:
            self._drawn = now
            self._draw(last_lines(self._pending, self._console.height - _MARGIN))

    def reasoning(self, fragment: str) -> None:
        self._dim.add(fragment)

    def end(self) -> None:
        self._dim.end()
        if self._live.is_started:
            self._draw("")
            self._live.stop()
        if self._pending.strip():
            self._print(self._pending)
        self._pending = ""

    def _draw(self, text: str) -> None:
        from rich.markdown import Markdown  # lazy: see above

        self._live.update(Markdown(text), refresh=True)

    def _print(self, text: str) -> None:
        from rich.markdown import Markdown  # lazy: see above

        self._console.print(Markdown(text), end="\n")


def harmless(text: str) -> str:
    """Without control characters: what a model writes must not steer a terminal."""
    return _CONTROLS.sub("", text)


def split_whole(text: str) -> tuple[str, str]:
    """Text that no further text can change the looks of, and the rest: cut behind the last blank line outside a
    fence that is not followed by an indented line."""
    cut = 0
    for blank in re.finditer(r"\n[ \t]*\n", text):
        after = text[blank.end() : blank.end() + 1]
        if after and not after.isspace() and not _in_fence(text[: blank.end()]):
            cut = blank.end()
    return text[:cut], text[cut:]


def last_lines(text: str, most: int) -> str:
    """The end of a block that is higher than the screen; a fence keeps its first line."""
    lines = text.splitlines()
    if len(lines) <= most or most < 2:
        return text
    head = [lines[0]] if _FENCE.match(lines[0]) else []
    return "\n".join([*head, *lines[len(lines) - most + len(head) :]])


def _in_fence(text: str) -> bool:
    """Whether a code fence is open at the end of the text."""
    opened = ""
    for mark in _FENCE.findall(text):
        if not opened:
            opened = mark
        elif mark[0] == opened[0] and len(mark) >= len(opened):
            opened = ""
    return bool(opened)
