"""`hostler fake`: its options. Does not know the fake vendor."""

from dataclasses import dataclass
from pathlib import Path

import click

from hostler.cli.lazy import lazily
from hostler.cli.options import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeOptions:
    """What to serve, and where."""

    script: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    strict: bool | None = None
    json: bool = False


command = click.Command(
    "fake",
    params=[
        click.Option(
            ["--script"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="What it answers, as YAML; without one, the built-in script.",
        ),
        click.Option(["--host"], default="127.0.0.1", metavar="H", help="Address to listen on. [127.0.0.1]"),
        click.Option(
            ["--port"], type=click.IntRange(0, 65535), default=0, metavar="N", help="TCP port; 0 takes a free one."
        ),
        click.Option(
            ["--strict/--lenient"], default=None, help="Refuse requests that no vendor would take, or let them pass."
        ),
        JSON,
    ],
    callback=lazily(FakeOptions, "hostler.cli.work.fake:run"),
    help="""Serve the fake vendor, for tests and demos.

    It speaks all six wires from a script: text, reasoning, tools, delays, errors, broken streams. See docs/fake.md.
    """,
)
