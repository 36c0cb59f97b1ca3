"""What models of engines here take: bytes on disk, and the bytes of memory that an engine would need.

Knows: which files belong to a model, when to look again. Does not know: how memory is predicted (engines.prepare).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hostler.engines.gguf_header import MAX_PARTS
from hostler.engines.prepare import Prepare
from hostler.engines.recipe import Recipe, with_paths_from
from hostler.errors import HostlerError, ModelFileError

_PART: Final = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")
Stamp = tuple[int, int]
"""Modification time in ns, and size in bytes."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes; None where they cannot be known, as for a file that is gone or no model. `problem` says why it could not
    be loaded: code, message and hint."""

    disk: int | None = None
    memory: int | None = None
    problem: tuple[str, str, str] | None = None


UNKNOWN: Final = Sizes()


class ModelSizes:
    """Remembers what it saw until the file changes. Reads headers: call it in a thread, one call at a time."""

    def __init__(self, prepare: Prepare, folder: Path) -> None:
        """`folder` is where recipes' relative paths start."""
        self._prepare = prepare
        self._folder = folder
        self._seen: dict[str, tuple[Recipe, tuple[Stamp | None, ...], Sizes]] = {}

    def of(self, recipes: Mapping[str, Recipe]) -> dict[str, Sizes]:
        """By model id; those that are not asked about are forgotten."""
        found = {model: self._look(model, recipe) for model, recipe in recipes.items()}
        self._seen = {model: self._seen[model] for model in found}
        return found

    def _look(self, model: str, recipe: Recipe) -> Sizes:
        stamps = tuple(map(_stamp, _parts(Path(with_paths_from(recipe, self._folder).path))))
        known = self._seen.get(model)
        if known is not None and known[:2] == (recipe, stamps):
            return known[2]
        disk = sum(stamp[1] for stamp in stamps if stamp) if all(stamps) else None
        sizes = self._measured(recipe, disk)
        self._seen[model] = (recipe, stamps, sizes)
        return sizes

    def _measured(self, recipe: Recipe, disk: int | None) -> Sizes:
        try:
            return Sizes(disk, self._prepare(recipe).predicted_bytes)
        except HostlerError as error:
            return Sizes(disk, None, (error.code, error.message, error.hint or ""))
        except OSError as error:
            unread = f"{recipe.path} cannot be read: {error.strerror or error}"
            return Sizes(disk, None, (ModelFileError.code, unread, ""))


def _parts(path: Path) -> list[Path]:
    """Every file of a model; several for one that is split."""
    part = _PART.search(path.name)
    if not part or int(part[1]) > MAX_PARTS:
        return [path]
    stem = path.name[: part.start()]
    return [path.with_name(f"{stem}-{number:05}-of-{part[1]}.gguf") for number in range(1, int(part[1]) + 1)]


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size)
