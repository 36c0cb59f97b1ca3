"""What the files of our engines' models say of them: read once by their headers, and again when a file changes.

Knows: which facts a header gives, when to look again. Does not know: the file format (engines.gguf_header), memory.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hostler.core.capabilities import NOTHING_KNOWN, Capabilities, make
from hostler.engines.gguf_header import model_parts, read_header
from hostler.engines.recipe import Recipe, with_context
from hostler.errors import ModelFileError
from hostler.registry.directory import Directory, DirectorySource

HEADER: Final = "model file"
AGAIN_S: Final = 30.0
"""Seconds after which files are looked at again, though nobody changed the providers file."""
TICK_S: Final = 1.0

Publish = Callable[[str, dict[str, object]], object]
Stamp = tuple[int, int]
"""Modification time in ns, and size in bytes."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One file as it was. `trained`: tokens that its model was trained for, 0 when it does not say."""

    stamp: Stamp
    trained: int


class ModelFiles:
    """Facts by recipe. Readers get what is known by now; `read` and `watch` look at the files."""

    def __init__(self) -> None:
        self._seen: Mapping[str, _Seen] = {}
        self.version = 0
        """Grows with every change, so that readers know when to look again."""

    def facts(self, recipe: Recipe) -> Capabilities:
        """The window of one slot as the engine will serve it, where the recipe leaves that to the file."""
        seen = self._seen.get(recipe.path)
        if recipe.context or seen is None or not seen.trained:
            return NOTHING_KNOWN
        window = with_context(recipe, seen.trained).context // recipe.slots
        written = datetime.fromtimestamp(seen.stamp[0] / 1e9, UTC).date().isoformat()
        return make({"context_window": window}, source=HEADER, as_of=written)

    def read(self, directory: Directory) -> tuple[str, ...]:
        """Look at every file of the directory's recipes, and read those that changed; the providers with news.

        Blocking file work, a few MB per new file. A file that is missing or damaged says nothing here: whoever loads
        the model tells.
        """
        seen: dict[str, _Seen] = {}
        news: dict[str, None] = {}
        for provider_id, recipes in directory.recipes.items():
            for path in (recipe.path for recipe in recipes.values() if not recipe.context):
                found = _look(path, self._seen.get(path))
                if found is not None:
                    seen[path] = found
                if found != self._seen.get(path):
                    news[provider_id] = None
        self._seen = seen
        self.version += bool(news)
        return tuple(news)

    async def watch(self, source: DirectorySource, publish: Publish | None = None) -> None:
        """Read at once, after each change of the directory and every half minute, in a thread; until cancelled.

        `publish` hears of `models.changed`.
        """
        looked: Directory | None = None
        due = 0.0
        while True:
            directory = source.directory
            if directory is not looked or time.monotonic() >= due:
                looked, due = directory, time.monotonic() + AGAIN_S
                for provider_id in await asyncio.to_thread(self.read, directory):
                    names = list(directory.recipes[provider_id])
                    if publish is not None:
                        publish("models.changed", {"provider": provider_id, "models": names})
            await asyncio.sleep(TICK_S)


def on_disk(recipe: Recipe) -> tuple[int, int]:
    """When the model's file was written (unix seconds), and the bytes of all its parts; zeros if one is missing."""
    try:
        stats = [part.stat() for part in model_parts(Path(recipe.path))]
    except (ModelFileError, OSError):
        return 0, 0
    return int(stats[0].st_mtime), sum(found.st_size for found in stats)


def _look(path: str, known: _Seen | None) -> _Seen | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    stamp = (found.st_mtime_ns, found.st_size)
    if known is not None and known.stamp == stamp:
        return known
    try:
        return _Seen(stamp, read_header(Path(path)).context_length)
    except (ModelFileError, OSError):
        return _Seen(stamp, 0)
