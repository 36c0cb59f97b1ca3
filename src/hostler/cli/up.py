"""`hostler up`: its options. Does not know how a gateway is run."""

from dataclasses import dataclass
from pathlib import Path

import click

from hostler.cli.lazy import lazily
from hostler.cli.options import JSON, PLACES, Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions(Listing):
    """What `hostler up` was told; None: as the settings say."""

    host: str | None = None
    port: int | None = None
    workers: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    new_token: bool = False
    no_workbench: bool = False
    no_engine: bool = False
    no_browser: bool = False


_FILE = click.Path(path_type=Path, dir_okay=False)

SERVING: tuple[click.Option, ...] = (
    click.Option(["--host"], metavar="H", help="Address to listen on; anything but loopback needs keys. [127.0.0.1]"),
    click.Option(["--port"], type=click.IntRange(0, 65535), metavar="N", help="TCP port; 0 takes a free one. [8484]"),
)

command = click.Command(
    "up",
    params=[
        *SERVING,
        *PLACES,
        click.Option(["--workers"], type=click.IntRange(1, 64), metavar="N", help="Processes that share the port. [1]"),
        click.Option(["--tls-cert"], type=_FILE, metavar="FILE", help="PEM certificate chain: the port speaks HTTPS."),
        click.Option(["--tls-key"], type=_FILE, metavar="FILE", help="PEM private key for --tls-cert."),
        click.Option(["--new-token"], is_flag=True, help="Renew the data folder's token."),
        click.Option(["--no-workbench"], is_flag=True, help="Serve the gateway alone."),
        click.Option(["--no-engine"], is_flag=True, help="Start no engines on this machine."),
        click.Option(
            ["--no-browser"],
            is_flag=True,
            help="Do not open the workbench in a browser (on a terminal with a display it is).",
        ),
        JSON,
    ],
    callback=lazily(UpOptions, "hostler.cli.work.up:run"),
    help="""Start the gateway and print how to reach it.

    One block is printed once it listens: the address, how to point the usual clients at it, what was found and what is
    missing. Ctrl-C lets running calls end first; a second Ctrl-C ends at once.
    """,
)
