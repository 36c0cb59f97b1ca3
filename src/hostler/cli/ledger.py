"""`hostler usage` and `hostler logs`: their options. Does not know the ledger."""

from dataclasses import dataclass
from typing import Literal

import click

from hostler.cli.lazy import lazily
from hostler.cli.options import LISTING, Listing

By = Literal["model", "key", "provider", "face", "outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageOptions(Listing):
    """`hostler usage`; `hours` 0 is from the beginning."""

    by: By = "model"
    hours: float = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsOptions(Listing):
    """`hostler logs`: one call in full, or the latest."""

    request: str | None = None
    lines: int = 20


usage = click.Command(
    "usage",
    params=[
        click.Option(
            ["--by"],
            type=click.Choice(["model", "key", "provider", "face", "outcome"]),
            default="model",
            help="What to add up by. [model]",
        ),
        click.Option(
            ["--hours"], type=click.FloatRange(0), default=24.0, metavar="N", help="How far back; 0: all. [24]"
        ),
        *LISTING,
    ],
    callback=lazily(UsageOptions, "hostler.cli.work.ledger:show_usage"),
    help="Show what was used: calls, tokens, cost. A cost that nobody knows is shown as -, never as 0.",
)
logs = click.Command(
    "logs",
    params=[
        click.Argument(["request"], required=False, metavar="[REQUEST_ID]"),
        click.Option(["-n", "--lines"], type=click.IntRange(1, 10_000), default=20, metavar="N", help="How many. [20]"),
        *LISTING,
    ],
    callback=lazily(LogsOptions, "hostler.cli.work.ledger:show_logs"),
    help="Show the latest calls. The newest comes last; with a request id it is that one, with each of its attempts.",
)
