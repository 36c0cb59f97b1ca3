"""`hostler pull`: its options. Does not know how a model is fetched."""

from dataclasses import dataclass

import click

from hostler.cli.lazy import lazily
from hostler.cli.options import JSON, PLACES, Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions(Listing):
    """`spec` is ORG/NAME[:QUANT]."""

    spec: str
    name: str | None = None
    hub: str | None = None


command = click.Command(
    "pull",
    params=[
        click.Argument(["spec"], metavar="ORG/NAME[:QUANT]"),
        click.Option(
            ["--name"], metavar="NAME", help="What to call it here; from repository and quantisation if not given."
        ),
        click.Option(["--hub"], metavar="URL", help="Another model hub than the settings name."),
        JSON,
        *PLACES,
    ],
    callback=lazily(PullOptions, "hostler.cli.work.pull:run"),
    help="""Download a model and make it ready.

    A GGUF file is fetched from the model hub into the data folder, checked, and entered into the providers file as a
    model of this machine. What was interrupted goes on where it stopped when the command is given again. Without QUANT
    four bits are taken, or what comes nearest.
    """,
)
