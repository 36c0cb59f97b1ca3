"""`hostler fake`: the fake vendor until Ctrl-C. Knows what is printed; does not know scripts."""

import asyncio
import signal

import uvloop

from hostler.cli.exits import DONE
from hostler.cli.fake import FakeOptions
from hostler.cli.work.output import show, show_json
from hostler.errors import ConfigError
from hostler.providers.fake import serve


def run(options: FakeOptions) -> int:
    """Serve. Raises ConfigError for a script that cannot be followed, or a port that is taken."""
    try:
        uvloop.run(_serve(options))
    except OSError as error:
        raise ConfigError(f"cannot listen on {options.host}:{options.port}: {error.strerror or error}") from None
    return DONE


async def _serve(options: FakeOptions) -> None:
    def ready(address: str) -> None:
        if options.json:
            show_json({"address": address})
        else:
            show(f"The fake vendor is open at {address}; Ctrl-C ends it.")

    until = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    await serve(options.script, options.host, port=options.port, strict=options.strict, ready=ready, until=until)
