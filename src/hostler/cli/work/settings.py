"""Settings for a command: the file and folder that its options name, its flags on top, and logging as they say.

Knows: how options become settings. Does not know: any command.
"""

import logging
import sys
from collections.abc import Mapping

from hostler import settings
from hostler.cli.options import Places
from hostler.errors import HostlerError
from hostler.settings import Settings

_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def load(places: Places, overrides: Mapping[str, Mapping[str, object]] | None = None) -> Settings:
    """The settings that a command works with; `overrides` are its flags. Raises ConfigError."""
    return settings.load(config=places.config, data=places.data, overrides=overrides)


def log_to_stderr(level: str, *, least: str = "debug") -> None:
    """Send what hostler logs to standard error; `least` keeps short-lived commands from chatting."""
    chosen = max(_LEVELS.get(level, logging.INFO), _LEVELS[least]) if level != "debug" else logging.DEBUG
    logging.basicConfig(level=chosen, format=_FORMAT, stream=sys.stderr, force=True)
    if level != "debug":  # other packages' chatter
        for name in ("asyncio", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)


def is_debugging() -> bool:
    """Whether the log level asks for traces."""
    try:
        return settings.load().log.level == "debug"
    except HostlerError:
        return False
