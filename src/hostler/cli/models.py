"""`hostler models`: its commands and options. Does not know how models are found."""

from dataclasses import dataclass

import click

from hostler.cli.lazy import lazily, lazily_alone
from hostler.cli.options import LISTING, Listing
from hostler.core.capabilities import FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsOptions(Listing):
    """`hostler models`."""

    all: bool = False
    refresh: bool = False
    capability: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOptions(Listing):
    """`hostler models show`."""

    model: str


command = click.Group(
    "models",
    invoke_without_command=True,
    callback=lazily_alone(ModelsOptions, "hostler.cli.work.models:show_all"),
    params=[
        click.Option(["--all"], is_flag=True, help="Also models of machines that are down."),
        click.Option(["--refresh"], is_flag=True, help="Ask the machines again first."),
        click.Option(
            ["--capability"],
            multiple=True,
            type=click.Choice([field.name for field in FIELDS.values() if field.kind == "answer"]),
            metavar="NAME",
            help="Only models that are known to have it, such as vision or tool_calling; may be given several times.",
        ),
        *LISTING,
    ],
    help="List the models that can be asked.",
    commands=[
        click.Command(
            "show",
            params=[click.Argument(["model"]), *LISTING],
            callback=lazily(ShowOptions, "hostler.cli.work.models:show_one"),
            help="Show what is known about a model, and who says so; any name that a request may use will do.",
        ),
        click.Command(
            "refresh",
            params=[*LISTING],
            callback=lazily(Listing, "hostler.cli.work.models:refresh"),
            help="Ask every machine and vendor now which models it has.",
        ),
    ],
)
