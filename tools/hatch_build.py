"""Puts the front end into the packages that are built.

Knows: where the built pages lie, that an sdist carries them (so that installing from it never needs Node), what to say
when they cannot be had. Does not know: how they are built (web.py).
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any  # edge: the build system's own interface

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's class is generic in name only
    """Sees to it that `src/hostler/workbench/dist` is there before a package is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages if they are missing or old; an editable install takes what is there. Raises RuntimeError."""
        root = Path(self.root)
        if version == "editable":
            return
        if os.environ.get("HOSTLER_NO_WEB") == "1":
            self.app.display_warning("HOSTLER_NO_WEB=1: the package is built without the workbench's pages")
            return
        command = [sys.executable, str(root / "tools/web.py"), "build", "--to-ship"]
        done = subprocess.run(command, cwd=root, check=False)
        if done.returncode:
            raise RuntimeError(
                "The workbench's pages could not be built; the lines above say why. Install Node 20.19 or later "
                "and run `make web`, or set HOSTLER_NO_WEB=1 to build a package without them."
            )
