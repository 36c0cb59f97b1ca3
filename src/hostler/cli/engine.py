"""`hostler engine`: its commands and options. Does not know how engines run."""

from dataclasses import dataclass

import click

from hostler.cli.lazy import lazily
from hostler.cli.options import JSON, LISTING, PLACES, Listing
from hostler.cli.up import SERVING


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(Listing):
    """`hostler engine run`."""

    model: str
    host: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOptions(Listing):
    """`hostler engine stop`."""

    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions(Listing):
    """`hostler engine logs`; `lines` 0 is all."""

    model: str
    lines: int = 50
    follow: bool = False


_WORK = "hostler.cli.work.engine"

command = click.Group(
    "engine",
    help="Engines that run models on this machine. They start by themselves when a model is asked for.",
    commands=[
        click.Command(
            "run",
            params=[click.Argument(["model"]), *SERVING, JSON, *PLACES],
            callback=lazily(RunOptions, f"{_WORK}:start"),
            help="""Load a model now.

            With a running hostler it is loaded there. Without one, this command becomes it, as `hostler up` would, and
            runs until Ctrl-C; --host and --port are for that case.
            """,
        ),
        click.Command(
            "ps",
            params=[*LISTING],
            callback=lazily(Listing, f"{_WORK}:show_running"),
            help="List the engines that run, and those that failed.",
        ),
        click.Command(
            "stop",
            params=[click.Argument(["model"]), *LISTING],
            callback=lazily(StopOptions, f"{_WORK}:stop"),
            help="Unload a model. The next call for it loads it again.",
        ),
        click.Command(
            "logs",
            params=[
                click.Argument(["model"]),
                click.Option(
                    ["-n", "--lines"], type=click.IntRange(0), default=50, help="Last lines to print; 0: all. [50]"
                ),
                click.Option(["-f", "--follow"], is_flag=True, help="Print what comes, until Ctrl-C."),
                *LISTING,
            ],
            callback=lazily(LogOptions, f"{_WORK}:show_log"),
            help="""Print what an engine wrote, also of one that has ended.

            --json prints one object; with --follow one object per line, as the lines come.
            """,
        ),
    ],
)
