"""What models' files say of them: the window that the engine will serve, read once and again after a change."""

import asyncio
import os
from pathlib import Path

from hostler.registry.catalogue import Catalogue
from hostler.registry.matrix import Matrix
from hostler.registry.model_files import ModelFiles
from tests.engines.models import Hollow, hollow
from tests.registry.cases import Fixed, document, settings, source
from tests.waiting import wait_until


def directory(folder: Path, **knobs: object) -> Fixed:
    """One engine model `m` in `folder`."""
    recipe = {"path": str(folder / "hollow.gguf"), **knobs}
    entry = {"id": "here", "kind": "engine", "models": [{"id": "m", "recipe": recipe}]}
    return source(document(entry), settings(folder))


def window(files: ModelFiles, at: Fixed) -> tuple[int, str] | None:
    fact = Matrix(at, Catalogue(), files=files).capabilities("here/m").context_window
    return (fact.value, fact.source) if fact else None


def test_a_recipe_without_a_window_has_that_of_the_file(tmp_path: Path) -> None:
    hollow(tmp_path, Hollow(context=2048))
    files, at = ModelFiles(), directory(tmp_path, slots=2)
    assert window(files, at) is None
    assert files.read(at.directory) == ("here",)
    assert window(files, at) == (2048, "model file")
    assert files.read(at.directory) == (), "nothing changed"


def test_the_window_is_the_one_that_the_engine_will_serve(tmp_path: Path) -> None:
    hollow(tmp_path, Hollow(context=131_072))
    files, at = ModelFiles(), directory(tmp_path)
    files.read(at.directory)
    assert window(files, at) == (8192, "model file")
    chosen = directory(tmp_path, context=4096, slots=2)
    files.read(chosen.directory)
    assert window(files, chosen) == (2048, "recipe")


def test_a_matrix_that_was_asked_before_hears_of_it(tmp_path: Path) -> None:
    hollow(tmp_path, Hollow(context=2048))
    files, at = ModelFiles(), directory(tmp_path)
    matrix = Matrix(at, Catalogue(), files=files)
    assert matrix.capabilities("here/m").context_window is None
    files.read(at.directory)
    assert matrix.capabilities("here/m").context_window is not None


def test_files_that_are_missing_damaged_or_replaced(tmp_path: Path) -> None:
    files, at = ModelFiles(), directory(tmp_path)
    assert files.read(at.directory) == () and window(files, at) is None
    path = hollow(tmp_path, Hollow(context=2048))
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    files.read(at.directory)
    assert window(files, at) is None
    path.write_bytes(whole)
    os.utime(path, ns=(1, 1))
    assert files.read(at.directory) == ("here",)
    assert window(files, at) == (2048, "model file")
    path.unlink()
    files.read(at.directory)
    assert window(files, at) is None


async def test_whoever_watches_is_told(tmp_path: Path) -> None:
    hollow(tmp_path, Hollow(context=2048))
    told: list[tuple[str, object]] = []
    task = asyncio.create_task(ModelFiles().watch(directory(tmp_path), lambda kind, data: told.append((kind, data))))
    await wait_until(lambda: bool(told))
    assert told == [("models.changed", {"provider": "here", "models": ["demo", "m"]})]
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()
