"""`hostler keys`: its commands and options. Does not know how keys are kept."""

from dataclasses import dataclass

import click

from hostler.cli.lazy import lazily
from hostler.cli.options import LISTING, Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOptions(Listing):
    """`hostler keys create`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeOptions(Listing):
    """`hostler keys revoke`."""

    name_or_id: str
    forget: bool = False


command = click.Group(
    "keys",
    help="""Keys that clients must show.

    On loopback a key is asked for once one exists; from elsewhere always. A running hostler knows of a change within a
    second.
    """,
    commands=[
        click.Command(
            "create",
            params=[click.Argument(["name"]), *LISTING],
            callback=lazily(CreateOptions, "hostler.cli.work.keys:create"),
            help="Make a key and print it, this once: only its hash is kept.",
        ),
        click.Command(
            "list",
            params=[*LISTING],
            callback=lazily(Listing, "hostler.cli.work.keys:show_all"),
            help="List the keys that were made, revoked ones too.",
        ),
        click.Command(
            "revoke",
            params=[
                click.Argument(["name_or_id"]),
                click.Option(["--forget"], is_flag=True, help="Delete its row too; the last one gone opens loopback."),
                *LISTING,
            ],
            callback=lazily(RevokeOptions, "hostler.cli.work.keys:revoke"),
            help="Take a key away.",
        ),
    ],
)
