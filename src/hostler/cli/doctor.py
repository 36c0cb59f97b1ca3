"""`hostler doctor`: its options. Does not know what is checked."""

import click

from hostler.cli.lazy import lazily
from hostler.cli.options import LISTING, Listing

command = click.Command(
    "doctor",
    params=[*LISTING],
    callback=lazily(Listing, "hostler.cli.work.doctor:run"),
    help="""Check everything, and say what to do.

    Python, settings, data folder, port, engine, providers file, machines, keys in the environment (by name alone),
    memory and disk; and it finds model servers that run on this machine and says how to add them. Exit status 1 when
    something is broken.
    """,
)
