"""Everything there is to know about a recipe before anything is started: is the file whole, what will it take.

Knows: how header, footprint and knobs go together. Does not know: what the machine has free and what runs.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hostler.engines.footprint import Gpu, predict
from hostler.engines.gguf_header import Header, check_model_file, read_header
from hostler.engines.recipe import Recipe, model_fingerprint, problem_with, with_context, with_paths_from
from hostler.errors import ConfigError, ModelFileError

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe that may be started."""

    recipe: Recipe
    """Paths absolute, context named."""
    predicted_bytes: int
    """Main memory that the engine will take, prompt cache included."""
    model_hash: str


Prepare = Callable[[Recipe], Prepared]


def prepare(recipe: Recipe, folder: Path, *, gpu: Gpu = "none") -> Prepared:
    """Check a recipe and its files and predict its memory; relative paths start at `folder`.

    It reads headers: call it in a thread. Raises ModelFileError for files that are missing, damaged or shorter than
    they claim, ConfigError for knobs that exclude each other.
    """
    problem = problem_with(recipe)
    if problem:
        raise ConfigError(f"recipe for {recipe.path}: {problem}")
    whole = with_paths_from(recipe, folder)
    if whole.template_file and not Path(whole.chat_template).is_file():
        raise ModelFileError(f"chat template {whole.chat_template} does not exist")
    path = Path(whole.path)
    header = _checked(path)
    whole = with_context(whole, header.context_length or None)
    needed = _bytes(header, whole, gpu=gpu)
    for extra in (whole.draft, whole.projector):
        if extra:
            needed += _bytes(_checked(Path(extra)), dataclasses.replace(whole, embedding=False), gpu=gpu)
    return Prepared(whole, needed + whole.prompt_cache_mib * MIB, model_fingerprint(path))


def _checked(path: Path) -> Header:
    check_model_file(path)
    return read_header(path)


def _bytes(header: Header, recipe: Recipe, *, gpu: Gpu) -> int:
    return predict(header, recipe, gpu=gpu).expected
