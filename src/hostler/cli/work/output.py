"""Data on standard output, messages on standard error. Knows tables and JSON; does not know what they are about."""

from collections.abc import Sequence

import click
import msgspec


def show(text: str = "") -> None:
    """One piece of data."""
    click.echo(text)


def say(text: str) -> None:
    """One message for people."""
    click.echo(text, err=True)


def show_json(value: object) -> None:
    """A value as indented JSON; records become objects."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns under their heads, as wide as they need to be."""
    widths = [max(len(line[n]) for line in (heads, *rows)) for n in range(len(heads))]
    for number, line in enumerate((heads, *rows)):
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        text = "  ".join(cells).rstrip()
        click.echo(click.style(text, bold=True) if number == 0 else text)


def si_bytes(size: float) -> str:
    """A size for people: `4.7 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def duration(seconds: float | None) -> str:
    """A span for people: `12 s`, `5 min`, `3 h`, `2 d`."""
    if seconds is None:
        return "-"
    for limit, size, unit in ((100, 1, "s"), (100 * 60, 60, "min"), (72 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"
