"""Edits of the providers file: one entry, a backup, everything else as it was."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.errors import ConfigError
from hostler.registry.file_edit import add_engine_model, add_provider, remove_provider, set_default
from hostler.registry.file_format import parse
from hostler.registry.json_places import JsonText, line_of, spans
from tests.registry.cases import DESIGN_FILE

RECIPE = {"engine": "llama.cpp", "path": "models/x.gguf"}
ENTRY = {"id": "box", "kind": "vllm", "baseUrl": "http://box:8000"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "llama-providers.json"
    path.write_text(DESIGN_FILE)
    return path


def test_a_machine_is_added_and_nothing_else_is_touched(file: Path) -> None:
    saved = add_provider(file, ENTRY)
    text = file.read_text()
    head, tail = DESIGN_FILE.rstrip().removesuffix("]}"), "]}\n"
    assert text.startswith(head)
    assert text.endswith(tail)
    added = text.removeprefix(head).removesuffix(tail)
    assert added == ',\n  {"id": "box", "kind": "vllm", "baseUrl": "http://box:8000"}'
    assert saved is not None
    assert saved.read_text() == DESIGN_FILE


def test_a_model_is_added_to_here(file: Path) -> None:
    add_engine_model(file, "x", recipe=RECIPE)
    here = parse(file.read_bytes(), "file").providers[2]
    assert [model.id for model in here.models] == ["qwen3-8b", "x"]
    with pytest.raises(ConfigError, match="here/x"):
        add_engine_model(file, "x", recipe=RECIPE)
    add_engine_model(file, "x", recipe={**RECIPE, "slots": 2}, replace=True)
    assert parse(file.read_bytes(), "file").providers[2].models[1].recipe["slots"] == 2
    assert parse(file.read_bytes(), "file").providers[:2] == parse(DESIGN_FILE.encode(), "file").providers[:2]


def test_a_new_file_keeps_what_bare_names_mean(tmp_path: Path) -> None:
    path = tmp_path / "new" / "llama-providers.json"
    assert add_provider(path, ENTRY) is None
    assert parse(path.read_bytes(), "file").default_provider == "here"
    assert path.stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other.json"
    add_engine_model(other, "x", recipe=RECIPE, legacy_base_url="http://old:8080")
    document = parse(other.read_bytes(), "file")
    assert (document.default_provider, [entry.id for entry in document.providers]) == ("local", ["local", "here"])


@pytest.mark.parametrize("text", ["{}", '{"providers": []}', '{\n\t"providers": [ ]\n}\n'])
def test_an_empty_file_keeps_here_as_the_default(tmp_path: Path, text: str) -> None:
    path = tmp_path / "llama-providers.json"
    path.write_text(text)
    add_provider(path, ENTRY)
    document = parse(path.read_bytes(), "file")
    assert (document.default_provider, document.providers[0].id) == ("here", "box")


def test_an_engine_entry_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "llama-providers.json"
    path.write_text('{"providers": [{"id": "here", "kind": "engine"}]}')
    add_engine_model(path, "x", recipe=RECIPE)
    assert parse(path.read_bytes(), "file").providers[0].models[0].id == "x"
    path.write_text("{}")
    add_engine_model(path, "x", recipe=RECIPE)
    assert parse(path.read_bytes(), "file").providers[0].models[0].id == "x"


def test_edits_that_would_break_the_file_are_refused(file: Path) -> None:
    for entry, reason in (
        ({**ENTRY, "id": "desk"}, "desk"),
        ({**ENTRY, "baseUrl": "ftp://box"}, "http"),
        ({**ENTRY, "id": "a/b"}, "slash"),
        ({"id": "box", "kind": "engine", "baseUrl": "http://x"}, "baseUrl"),
    ):
        with pytest.raises(ConfigError, match=reason):
            add_provider(file, entry)
    with pytest.raises(ConfigError, match="mini"):
        add_engine_model(file, "x", recipe=RECIPE, provider_id="mini")
    with pytest.raises(ConfigError, match="path"):
        add_engine_model(file, "x", recipe={"slots": 2})
    assert file.read_text() == DESIGN_FILE
    assert list(file.parent.iterdir()) == [file], "a refused edit leaves no backup"


def test_a_broken_file_is_left_alone(file: Path) -> None:
    file.write_text("{oops")
    with pytest.raises(ConfigError, match="broken"):
        add_provider(file, ENTRY)
    assert file.read_text() == "{oops"


def test_an_entry_is_removed_unless_it_is_the_default(file: Path) -> None:
    with pytest.raises(ConfigError, match="default"):
        remove_provider(file, "desk")
    with pytest.raises(ConfigError, match="no provider"):
        remove_provider(file, "nobody")
    remove_provider(file, "mini")
    assert [entry.id for entry in parse(file.read_bytes(), "file").providers] == ["desk", "here"]
    set_default(file, "here")
    remove_provider(file, "desk")
    assert [entry.id for entry in parse(file.read_bytes(), "file").providers] == ["here"]
    with pytest.raises(ConfigError, match="nobody"):
        set_default(file, "nobody")


def test_the_owners_layout_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "llama-providers.json"
    tree = {"providers": [{"id": "a", "kind": "vllm", "baseUrl": "http://a:1"}]}
    path.write_bytes(json.dumps(tree, indent=4).replace("\n", "\r\n").encode())
    path.chmod(0o640)
    add_provider(path, ENTRY)
    wanted = json.dumps({"providers": [*tree["providers"], ENTRY]}, indent=4).replace("\n", "\r\n")
    assert path.read_bytes().decode() == wanted
    assert path.stat().st_mode & 0o777 == 0o640


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
TREES = st.dictionaries(st.text(max_size=4), VALUES, max_size=3)
LAYOUT = st.sampled_from([None, 1, 2, "\t"])


@settings(max_examples=25)
@given(TREES, LAYOUT, st.lists(VALUES, max_size=3), VALUES)
def test_text_edits_do_what_the_same_edit_of_the_value_would(
    tree: dict[str, object], indent: int | str | None, items: list[object], value: object
) -> None:
    tree = {**tree, "items": items}
    text = json.dumps(tree, indent=indent, ensure_ascii=False)
    assert json.loads(JsonText(text).with_item(("items",), value)) == {**tree, "items": [*items, value]}
    assert json.loads(JsonText(text).with_member((), "brand new", value=value)) == {**tree, "brand new": value}
    assert json.loads(JsonText(text).with_value(("items",), value)) == {**tree, "items": value}
    for i in range(len(items)):
        left = [item for j, item in enumerate(items) if j != i]
        assert json.loads(JsonText(text).without_item(("items",), i)) == {**tree, "items": left}


@given(TREES, LAYOUT)
def test_every_value_is_found_where_it_stands(tree: dict[str, object], indent: int | str | None) -> None:
    text = json.dumps(tree, indent=indent)
    for path, span in spans(text).items():
        value: object = tree
        for step in path:
            value = value[step]  # type: ignore[index]
        assert json.loads(text[span.start : span.end]) == value


def test_lines_are_counted_from_one_and_missing_places_give_their_parents() -> None:
    text = '{\n "a": [\n  1,\n  {"b": 2}\n ]\n}'
    assert line_of(text, ("a", 1, "b")) == 4
    assert line_of(text, ("a", 1, "missing")) == 4
    assert line_of(text, ()) == 1
