"""Opens the workbench in the person's browser, where there is one to see it.

Knows: when a browser makes sense, and how to hand it the link without telling it to every process on the machine.
Does not know: the workbench.
"""

import sys
import threading
import webbrowser
from collections.abc import Mapping
from html import escape
from pathlib import Path

from hostler.system.files import write_atomic

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
_AWAY = ("SSH_CONNECTION", "SSH_TTY", "CI")
FILE = "open-workbench.html"


def has_screen(environment: Mapping[str, str], *, platform: str = sys.platform) -> bool:
    """Whether a window could be seen by who started us: not over SSH, not without a display."""
    if any(environment.get(name) for name in _AWAY):
        return False
    return platform == "darwin" or any(environment.get(name) for name in _SCREENS)


def page_for(link: str) -> bytes:
    """A page that leads to the link at once."""
    to = escape(link)
    return (
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={to}">'
        f'<title>hostler</title><p><a href="{to}">Open the workbench</a>\n'
    ).encode()


def open_page(link: str, folder: Path) -> threading.Thread:
    """Open the link, by a private file in `folder`: on a command line the token would be everybody's to read.

    In a thread, which may be left alone: some browsers stay in the foreground. Raises StorageError.
    """
    path = folder / FILE
    write_atomic(path, page_for(link))
    thread = threading.Thread(target=webbrowser.open, args=(path.as_uri(),), name="browser", daemon=True)
    thread.start()
    return thread
