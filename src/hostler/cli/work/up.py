"""`hostler up`: settings from flags, the gateway until it is told to stop, one block when it is ready.

Knows: the flags and the order of things. Does not know: how the gateway is built (app), what the block says (welcome).
"""

import asyncio
import sys
from collections.abc import Callable

import uvloop

from hostler.app import Listening, serve
from hostler.cli.exits import DONE, INTERRUPTED
from hostler.cli.up import UpOptions
from hostler.cli.work.browser import has_screen, open_page
from hostler.cli.work.output import say, show, show_json
from hostler.cli.work.settings import load, log_to_stderr
from hostler.cli.work.welcome import facts, welcome
from hostler.errors import StorageError
from hostler.settings import Settings


def run(options: UpOptions) -> int:
    """Serve until SIGINT or SIGTERM. Raises ConfigError, OwnershipError, StorageError."""
    settings = load(options, overrides_of(options))

    def on_ready(listening: Listening) -> None:
        found = facts(listening)
        if options.json:
            show_json(found)
            return
        show(welcome(found))
        if found.link and not options.no_browser and sys.stdout.isatty() and has_screen(settings.environment):
            try:
                open_page(found.link, settings.data_dir)
            except StorageError as error:  # the link is printed anyway
                say(error.text)

    return serve_until_stopped(settings, on_ready, new_token=options.new_token)


def serve_until_stopped(
    settings: Settings,
    on_ready: Callable[[Listening], None],
    *,
    new_token: bool = False,
    stop: asyncio.Event | None = None,
) -> int:
    """The gateway in this process, on uvloop; the exit status says whether it came to a quiet end."""
    log_to_stderr(settings.log.level)
    try:
        uvloop.run(serve(settings, on_ready, new_token=new_token, stop=stop))
    except asyncio.CancelledError:  # a second signal
        return INTERRUPTED
    return DONE


def overrides_of(options: UpOptions) -> dict[str, dict[str, object]]:
    """The flags that were given, as settings."""
    gateway: dict[str, object] = {
        "host": options.host,
        "port": options.port,
        "workers": options.workers,
        "tls_cert": str(options.tls_cert) if options.tls_cert else None,
        "tls_key": str(options.tls_key) if options.tls_key else None,
    }
    given = {name: value for name, value in gateway.items() if value is not None}
    return {
        "gateway": given,
        "engine": {"enabled": False} if options.no_engine else {},
        "workbench": {"enabled": False} if options.no_workbench else {},
    }
