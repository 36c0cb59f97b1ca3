"""What models of engines here take: bytes on disk, and the bytes of memory that an engine would need.

Knows: which files belong to a model, when to look again. Does not know: how memory is predicted (engines.prepare).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hostler.engines.prepare import Prepare
from hostler.engines.recipe import Recipe, with_paths_from
from hostler.errors import HostlerError

_PART: Final = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")
Stamp = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes; None where they cannot be known, as for a file that is gone or no model."""

    disk: int | None = None
    memory: int | None = None


class ModelSizes:
    """Remembers what it saw until the file changes. Reads headers: call it in a thread, one call at a time."""

    def __init__(self, prepare: Prepare, folder: Path) -> None:
        """`folder` is where recipes' relative paths start."""
        self._prepare = prepare
        self._folder = folder
        self._seen: dict[str, tuple[Recipe, Stamp, Sizes]] = {}

    def of(self, recipes: Mapping[str, Recipe]) -> dict[str, Sizes]:
        """By model id; those that are not asked about are forgotten."""
        found = {model: self._look(model, recipe) for model, recipe in recipes.items()}
        self._seen = {model: self._seen[model] for model in found}
        return found

    def _look(self, model: str, recipe: Recipe) -> Sizes:
        path = Path(with_paths_from(recipe, self._folder).path)
        stamp = _stamp(path)
        known = self._seen.get(model)
        if known is not None and known[:2] == (recipe, stamp):
            return known[2]
        sizes = Sizes(_on_disk(path), _tried(lambda: self._prepare(recipe).predicted_bytes)) if stamp else Sizes()
        self._seen[model] = (recipe, stamp, sizes)
        return sizes


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size)


def _on_disk(path: Path) -> int | None:
    """Of all parts of a split model."""
    part = _PART.search(path.name)
    names = [path.name]
    if part:
        stem, count = path.name[: part.start()], part[1]
        names = [f"{stem}-{number:05}-of-{count}.gguf" for number in range(1, int(count) + 1)]
    stamps = [_stamp(path.with_name(name)) for name in names]
    return sum(stamp[1] for stamp in stamps if stamp) if all(stamps) else None


def _tried(work: Callable[[], int]) -> int | None:
    try:
        return work()
    except (HostlerError, OSError):
        return None
