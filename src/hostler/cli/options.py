"""Options that several commands share. Knows their names and help; does not know what comes of them."""

from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Which settings and which data folder a command works with; None: the usual ones."""

    config: Path | None = None
    data: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Places):
    """Places, and whether a program reads the output."""

    json: bool = False


CONFIG = click.Option(
    ["--config"],
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A settings.toml other than the one in the config folder.",
)
DATA = click.Option(
    ["--data"],
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="The data folder: databases, journal, engine logs, models.",
)
JSON = click.Option(["--json"], is_flag=True, help="Print JSON, for programs.")
PLACES: tuple[click.Option, ...] = (CONFIG, DATA)
"""For commands that read settings."""
LISTING: tuple[click.Option, ...] = (JSON, CONFIG, DATA)
"""For commands that print what they found."""
