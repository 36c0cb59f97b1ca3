"""A recipe is checked against its files before anything is started."""

from dataclasses import replace
from pathlib import Path

import pytest

from hostler.engines.prepare import prepare
from hostler.engines.recipe import DEMO_MODEL, Recipe, demo_recipe
from hostler.errors import ConfigError, ModelFileError

MIB = 1 << 20


def test_the_demo_is_prepared(tmp_path: Path) -> None:
    prepared = prepare(demo_recipe(), tmp_path)
    assert prepared.recipe == demo_recipe()
    assert 30 * MIB < prepared.predicted_bytes < 120 * MIB
    assert len(prepared.model_hash) == 64


def test_a_relative_path_starts_at_the_folder_and_the_context_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(DEMO_MODEL.read_bytes())
    prepared = prepare(Recipe(path="m.gguf", slots=2, prompt_cache_mib=0), tmp_path)
    assert prepared.recipe.path == str(tmp_path / "m.gguf")
    assert prepared.recipe.context == 8192, "two slots of the 4096 tokens that the model was trained for"
    assert prepared.model_hash == prepare(demo_recipe(), tmp_path).model_hash


def test_prompt_cache_and_draft_are_counted(tmp_path: Path) -> None:
    base = prepare(demo_recipe(), tmp_path).predicted_bytes
    assert prepare(replace(demo_recipe(), prompt_cache_mib=100), tmp_path).predicted_bytes == base + 100 * MIB
    assert prepare(replace(demo_recipe(), draft=str(DEMO_MODEL)), tmp_path).predicted_bytes > base


@pytest.mark.parametrize(
    ("data", "words"),
    [(None, "does not exist"), (b"", "m.gguf"), (b"<html>", "m.gguf"), (DEMO_MODEL.read_bytes()[:900_000], "m.gguf")],
    ids=["missing", "empty", "a web page", "truncated"],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, data: bytes | None, words: str) -> None:
    if data is not None:
        (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(ModelFileError, match=words):
        prepare(Recipe(path="m.gguf"), tmp_path)


def test_other_files_are_checked_too(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"t\.jinja does not exist"):
        prepare(replace(demo_recipe(), chat_template="t.jinja"), tmp_path)
    with pytest.raises(ModelFileError, match=r"d\.gguf"):
        prepare(replace(demo_recipe(), draft="d.gguf"), tmp_path)
    with pytest.raises(ConfigError, match="flash attention"):
        prepare(replace(demo_recipe(), kv_type_v="q4_0", flash_attention="off"), tmp_path)
