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
    """`hostler providers remove`, `default`, `login` and `logout`."""

    provider_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions(Listing):
    """`hostler providers check`."""

    ids: tuple[str, ...] = ()
    offline: bool = False
    timeout: float = 15.0


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
                click.Argument(["ids"], metavar="[ID]...", nargs=-1),
                click.Option(["--offline"], is_flag=True, help="Check the file alone, ask no machine."),
                click.Option(
                    ["--timeout"],
                    type=click.FloatRange(0.1, 600),
                    default=15.0,
                    show_default=True,
                    metavar="SECONDS",
                    help="How long each may take.",
                ),
                *LISTING,
            ],
            callback=lazily(CheckOptions, "hostler.cli.work.providers_check:check_all"),
            help="""Check the file, and make one cheap live call to every provider that has what it needs, or to those
            named.

            Exit status 1 when something is wrong, 3 when there is no provider of that ID.
            """,
        ),
        click.Command(
            "login",
            params=[click.Argument([_ID], metavar="ID"), *LISTING],
            callback=lazily(OneOptions, "hostler.cli.work.providers_login:login"),
            help="""Store a provider's key in the system's keyring.

            The key is asked for, or read from standard input; it never stands on the command line.
            """,
        ),
        click.Command(
            "logout",
            params=[click.Argument([_ID], metavar="ID"), *LISTING],
            callback=lazily(OneOptions, "hostler.cli.work.providers_login:logout"),
            help="Remove a provider's key from the system's keyring. Exit status 3 when there is none.",
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
