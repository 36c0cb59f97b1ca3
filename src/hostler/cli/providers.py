"""`hostler providers`: its commands and options. Does not know the providers file."""

from dataclasses import dataclass

import click

from hostler.cli.lazy import lazily, lazily_alone
from hostler.cli.options import LISTING, Listing, Places


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOptions(Listing):
    """`hostler providers add`."""

    provider_id: str
    kind: str
    url: str | None = None
    label: str | None = None
    key_env: str | None = None
    tags: tuple[str, ...] = ()
    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOptions(Listing):
    """`hostler providers remove` and `default`."""

    provider_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions(Listing):
    """`hostler providers check`."""

    offline: bool = False


_ID = "provider_id"
_WORK = "hostler.cli.work.providers"

command = click.Group(
    "providers",
    invoke_without_command=True,
    params=[*LISTING],
    callback=lazily_alone(Listing, f"{_WORK}:show_all"),
    help="""Machines and vendors that models are reached through.

    A vendor needs no entry: its key in the environment is enough. A machine is an entry in the providers file.
    """,
    commands=[
        click.Command(
            "list",
            params=[*LISTING],
            callback=lazily(Listing, f"{_WORK}:show_all"),
            help="List all of them, and what is wrong with those that cannot be used.",
        ),
        click.Command(
            "check",
            params=[
                click.Option(["--offline"], is_flag=True, help="Check the file alone, ask no machine."),
                *LISTING,
            ],
            callback=lazily(CheckOptions, f"{_WORK}:check_all"),
            help="Check the file, and ask every machine once. Exit status 1 when something is wrong.",
        ),
        click.Command(
            "add",
            params=[
                click.Argument([_ID], metavar="ID"),
                click.Option(
                    ["--kind"], required=True, metavar="KIND", help="What answers there; see docs/providers.md."
                ),
                click.Option(["--url"], metavar="URL", help="Its address, with or without /v1."),
                click.Option(["--label"], metavar="TEXT", help="A name for people."),
                click.Option(["--key-env"], metavar="NAME", help="Environment variable that holds its key."),
                click.Option(["--tag", "tags"], multiple=True, metavar="WORD", help="A tag; may be given again."),
                click.Option(["--default"], is_flag=True, help="Make it the provider of bare model names."),
                *LISTING,
            ],
            callback=lazily(AddOptions, f"{_WORK}:add"),
            help="Add an entry to the providers file. A backup is kept, and no other entry is touched.",
        ),
        click.Command(
            "remove",
            params=[click.Argument([_ID], metavar="ID"), *LISTING],
            callback=lazily(OneOptions, f"{_WORK}:remove"),
            help="Take an entry out of the providers file. A backup is kept.",
        ),
        click.Command(
            "default",
            params=[click.Argument([_ID], metavar="ID"), *LISTING],
            callback=lazily(OneOptions, f"{_WORK}:make_default"),
            help="Make a provider the one of bare model names.",
        ),
        click.Command(
            "path",
            params=[*LISTING],
            callback=lazily(Listing, f"{_WORK}:show_path"),
            help="Print where the providers file is, or would be.",
        ),
        click.Command(
            "schema",
            params=[],
            callback=lazily(Places, f"{_WORK}:show_schema"),
            help="Print the JSON Schema of the providers file.",
        ),
    ],
)
