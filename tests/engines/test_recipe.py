"""Recipes: read strictly, checked, named by a hash."""

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.engines.recipe import (
    DEMO_MODEL,
    Recipe,
    demo_recipe,
    model_fingerprint,
    problem_with,
    recipe_from_dict,
    recipe_id,
    with_context,
    with_paths_from,
)
from hostler.errors import ConfigError

WHERE = "llama-providers.json: providers[0].models[0].recipe"


def test_the_documented_recipe_is_read() -> None:
    data = {"engine": "llama.cpp", "path": "models/qwen3-8b-q4.gguf", "context": 32768, "slots": 2}
    recipe = recipe_from_dict(data, WHERE)
    assert recipe == Recipe(path="models/qwen3-8b-q4.gguf", context=32768, slots=2)
    assert recipe_from_dict(dataclasses.asdict(recipe), WHERE) == recipe


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"path": "x", "contxt": 1}, r"unknown knob 'contxt'\. Did you mean 'context'\?"),
        ({"path": "x", "n_gpu_layers": 1}, r"Did you mean 'gpu_layers'\?"),
        ({"path": "x", "--cache-type-k": "f16"}, r"Did you mean 'kv_type_k'\?"),
        ({"path": "x", "zzzzz": 1}, "Known knobs: path, engine"),
        ({"context": 1}, "'path' is missing"),
        ({"path": ""}, "'path' is missing"),
        ({"path": "x", "context": "many"}, "got `str` at `context`"),
        ({"path": "x", "slots": True}, "got `bool` at `slots`"),
        ({"path": "x", "kv_type_k": "q3"}, "at `kv_type_k`"),
        ({"path": "x", "engine": "mlx"}, "at `engine`"),
        ({"path": "x", "kv_type_v": "q8_0", "flash_attention": "off"}, "needs flash attention"),
        ({"path": "x", "slots": 4, "context": 100}, "4 slots need at least 256"),
        ({"path": "x", "slots": 0}, "'slots' must be 1 to"),
        ({"path": "x", "batch": 8, "ubatch": 9}, "'ubatch' must not be above"),
        ({"path": "x", "pooling": "mean"}, "'pooling' needs"),
        ({"path": "x", "poll": 101}, "'poll' must be"),
        ({"path": "x", "embedding": True, "draft": "y"}, "'draft' makes no sense"),
    ],
)
def test_mistakes_are_named_with_their_place(data: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe_from_dict(data, WHERE)
    assert caught.value.text.startswith(WHERE)
    assert re.search(words, caught.value.text), caught.value.text


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=12), st.one_of(st.integers(), st.text(max_size=4), st.booleans(), st.none())))
def test_nothing_but_a_config_error_comes_of_nonsense(data: dict[str, object]) -> None:
    try:
        recipe = recipe_from_dict({"path": "x", **data}, WHERE)
    except ConfigError as error:
        assert error.message.startswith(WHERE)
    else:
        assert problem_with(recipe) is None


def test_the_context_is_named_from_the_models_own() -> None:
    assert with_context(Recipe("x", slots=2), 4096).context == 8192
    assert with_context(Recipe("x", slots=2), 131072).context == 16384
    assert with_context(Recipe("x"), None).context == 8192
    assert with_context(Recipe("x", context=100), 4096).context == 100


def test_relative_paths_start_at_the_folder() -> None:
    folder = Path("/data")
    recipe = with_paths_from(Recipe("models/m.gguf", draft="/d.gguf", chat_template="t.jinja"), folder)
    assert (recipe.path, recipe.draft, recipe.projector) == ("/data/models/m.gguf", "/d.gguf", "")
    assert recipe.chat_template == "/data/t.jinja"
    assert with_paths_from(Recipe("x", chat_template="chatml"), folder).chat_template == "chatml"


def test_the_id_depends_on_model_build_and_every_knob_but_not_on_the_path() -> None:
    base = recipe_id(Recipe("x"), model_hash="m", engine_build="b")
    assert base == recipe_id(Recipe("elsewhere/x"), model_hash="m", engine_build="b")
    assert len(base) == 64
    others = {
        recipe_id(Recipe("x"), model_hash="n", engine_build="b"),
        recipe_id(Recipe("x"), model_hash="m", engine_build="c"),
    }
    changes = {
        "context": 5,
        "slots": 3,
        "mmap": False,
        "kv_type_k": "q8_0",
        "gpu_layers": 0,
        "embedding": True,
        "poll": 7,
    }
    others |= {
        recipe_id(dataclasses.replace(Recipe("x"), **{k: v}), model_hash="m", engine_build="b")  # type: ignore[arg-type]
        for k, v in changes.items()
    }
    assert base not in others and len(others) == 2 + len(changes)


def test_a_fingerprint_tells_files_apart(tmp_path: Path) -> None:
    path = tmp_path / "m"
    seen: set[str] = set()
    for data in (b"", b"a", b"b", b"a" * 10, b"a" * 3_000_000, b"a" * 2_999_999 + b"b"):
        path.write_bytes(data)
        seen.add(model_fingerprint(path))
    assert len(seen) == 6


def test_the_demo_is_packaged_and_light() -> None:
    recipe = demo_recipe()
    assert Path(recipe.path) == DEMO_MODEL and DEMO_MODEL.stat().st_size < 2_000_000
    assert problem_with(recipe) is None
    assert (recipe.context, recipe.slots, recipe.threads) == (4096, 4, 1)
