"""What models here take: looked at once per file, and again when it changes."""

import os
from pathlib import Path

from hostler.engines.prepare import Prepared
from hostler.engines.recipe import Recipe
from hostler.errors import ModelFileError
from hostler.workbench.model_sizes import ModelSizes, Sizes


class Looking:
    """Counts how often memory is predicted."""

    def __init__(self) -> None:
        self.looks = 0

    def prepare(self, recipe: Recipe) -> Prepared:
        self.looks += 1
        if "broken" in recipe.path or "gone" in recipe.path:
            raise ModelFileError("It is no model.", hint="Pull it again.")
        return Prepared(recipe, 1000, "hash")


def test_once_per_state_of_a_file(tmp_path: Path) -> None:
    looking = Looking()
    sizes = ModelSizes(looking.prepare, tmp_path)
    recipes = {"here/a": Recipe("a.gguf"), "here/gone": Recipe("gone.gguf"), "here/broken": Recipe("broken.gguf")}
    (tmp_path / "a.gguf").write_bytes(bytes(10))
    (tmp_path / "broken.gguf").write_bytes(bytes(5))
    problem = ("model_file_error", "It is no model.", "Pull it again.")
    gone, broken = Sizes(None, None, problem), Sizes(5, None, problem)
    for _ in range(3):
        assert sizes.of(recipes) == {"here/a": Sizes(10, 1000), "here/gone": gone, "here/broken": broken}
    assert looking.looks == 3
    (tmp_path / "a.gguf").write_bytes(bytes(20))
    os.utime(tmp_path / "a.gguf", ns=(1, 1))
    assert sizes.of(recipes)["here/a"] == Sizes(20, 1000)


def test_a_split_model_is_all_of_its_parts(tmp_path: Path) -> None:
    sizes = ModelSizes(Looking().prepare, tmp_path)
    first = {"here/big": Recipe("big-00001-of-00002.gguf")}
    (tmp_path / "big-00001-of-00002.gguf").write_bytes(bytes(10))
    assert sizes.of(first)["here/big"].disk is None, "a part is missing"
    (tmp_path / "big-00002-of-00002.gguf").write_bytes(bytes(7))
    assert sizes.of(first)["here/big"].disk == 17, "and is seen when it comes"
