"""The providers file's text: what is accepted, what is refused, where, and with which hint."""

import json
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.errors import ConfigError
from hostler.providers.kinds import KINDS
from hostler.registry.file_format import MAX_BYTES, check, parse, schema
from tests.registry.cases import DESIGN_FILE, document, machine


def errors(*entries: object, default: str | None = None) -> str:
    return "\n".join(map(str, check(document(*entries, default=default)).errors))


def test_the_file_of_the_documentation_is_accepted_without_a_word() -> None:
    checked = check(DESIGN_FILE.encode())
    assert (checked.errors, checked.warnings) == ((), ())
    assert checked.document is not None
    desk, mini, here = checked.document.providers
    assert (desk.label, desk.sidecar_url, desk.tags) == ("Desk 2x3090", "http://desk:8090", ("gpu",))
    assert (mini.label, mini.enabled, mini.headers) == ("", True, {})
    assert here.models[0].recipe["context"] == 32768


def test_every_optional_key_is_read() -> None:
    entry = machine(
        "a",
        label="A",
        apiKeyEnv="A_KEY",
        headers={"X-Team": "blue"},
        timeouts={"connect": 2, "firstByte": 30.5, "idle": 0},
        enabled=False,
        tags=["x", "y"],
        sidecarUrl="http://127.0.0.1:8090",
    )
    read = parse(document(entry), "file").providers[0]
    assert (read.api_key_env, read.headers, read.enabled, read.tags) == ("A_KEY", {"X-Team": "blue"}, False, ("x", "y"))
    assert (read.timeouts.connect, read.timeouts.first_byte, read.timeouts.idle) == (2, 30.5, 0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "engine"])
def test_every_kind_is_accepted(kind: str) -> None:
    assert not errors(machine("a", kind))


def test_unknown_keys_warn_with_the_nearest_known_name() -> None:
    data = b"""{
 "defaultProvidr": "a",
 "providers": [
  {"id": "a", "kind": "vllm", "baseUrl": "http://a:1", "apikey_env": "K", "timeouts": {"firstbyte": 3}},
  {"id": "here", "kind": "engine",
   "models": [{"id": "m", "recipe": {"path": "m.gguf", "n_ctx": 2048}}]}
 ]}"""
    checked = check(data)
    assert checked.document is not None
    warnings = {warning.place: (warning.line, warning.message) for warning in checked.warnings}
    assert warnings["defaultProvidr"][0] == 2
    assert "did you mean 'defaultProvider'?" in warnings["defaultProvidr"][1]
    assert "'apiKeyEnv'" in warnings["providers[0].apikey_env"][1]
    assert "'firstByte'" in warnings["providers[0].timeouts.firstbyte"][1]
    assert warnings["providers[1].models[0].recipe.n_ctx"][0] == 6
    assert "'context'" in warnings["providers[1].models[0].recipe.n_ctx"][1]


@pytest.mark.parametrize(
    ("entry", "place", "reason"),
    [
        ({"kind": "vllm"}, "providers[0]", "missing required field `id`"),
        (machine("a", baseUrl=5), "providers[0].baseUrl", "expected"),
        (machine("a", "lama.cpp"), "providers[0].kind", "did you mean 'llama.cpp'?"),
        (machine("a/b"), "providers[0].id", "no slash"),
        (machine("a\n"), "providers[0].id", "line end"),
        (machine(""), "providers[0].id", "letters"),
        ({"id": "a", "kind": "vllm"}, "providers[0]", "needs a baseUrl"),
        (machine("a", url="http://me:secret@host"), "providers[0].baseUrl", "apiKeyEnv"),
        (machine("a", url="http://host?x=1"), "providers[0].baseUrl", "query"),
        (machine("a", sidecarUrl="host:8090"), "providers[0].sidecarUrl", "http"),
        (machine("a", apiKeyEnv="sk-123"), "providers[0].apiKeyEnv", "NAME"),
        (machine("a", timeouts={"idle": -1}), "providers[0].timeouts.idle", ">= 0"),
        (machine("a", headers={"Host": "x"}), "providers[0].headers.Host", "itself"),
        (machine("a", headers={"x": "a\r\nb"}), "providers[0].headers.x", "printable"),
        (machine("a", headers={"x y": "a"}), "providers[0].headers.x y", "no header name"),
        (machine("a", headers={"x": "1", "X": "2"}), "providers[0].headers.X", "twice"),
        (machine("a", models=[{"id": "m", "recipe": {"path": "x"}}]), "providers[0].models", "only"),
        (machine("here", "ollama"), "providers[0].kind", "'engine'"),
        (machine("e", "engine"), "providers[0].baseUrl", "no baseUrl"),
        ({"id": "e", "kind": "engine", "models": [{"id": "m", "recipe": {}}]}, "providers[0].models[0]", "'path'"),
        (
            {"id": "e", "kind": "engine", "models": [{"id": "m", "recipe": {"path": "x"}}] * 2},
            "providers[0].models[1].id",
            "twice",
        ),
        (
            {"id": "e", "kind": "engine", "models": [{"id": "a b", "recipe": {"path": "x"}}]},
            "providers[0].models[0].id",
            "spaces",
        ),
    ],
)
def test_bad_values_are_errors_that_name_their_place(entry: object, place: str, reason: str) -> None:
    (error, *_) = check(document(entry)).errors
    assert error.place == place
    assert reason in error.message
    assert error.line == 1


def test_a_secret_in_a_bad_value_is_not_shown() -> None:
    entries = machine("a", url="http://me:hunter2@host"), machine("b", headers={"x": "hunter2\n"})
    assert "hunter2" not in errors(*entries)


def test_ids_must_be_unique_and_the_default_must_exist() -> None:
    assert "taken by providers[0]" in errors(machine("a"), machine("a"))
    assert "did you mean 'desk'?" in errors(machine("desk"), default="dek")
    assert not errors(machine("a"), default="here")
    assert not errors(machine("a"), default="openai")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "line 1: no valid JSON"),
        (b'{"providers": [],\nx}', "line 2: no valid JSON"),
        (b"[]", "a JSON object"),
        (b'{"a": NaN}', "NaN"),
        (b'{"providers": [], "providers": []}', "twice"),
        (b"{\n\xff}", "line 2: the file is not UTF-8"),
        (b" " * (MAX_BYTES + 1), "larger"),
        (b"[" * 100_000, "JSON"),
        (b'\xef\xbb\xbf{"providers": []}', "BOM"),
    ],
)
def test_what_is_no_json_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(data, "/etc/llama-providers.json")
    assert caught.value.message.startswith("/etc/llama-providers.json: ")
    assert reason in caught.value.message


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_text_brings_it_down(data: bytes) -> None:
    checked = check(data)
    assert (checked.document is None) == bool(checked.errors)


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "engine", "http://a", "vllm"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["providers", "id", "kind", "baseUrl", "models", "recipe", "headers", "timeouts", "x"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_no_tree_brings_it_down(tree: object) -> None:
    checked = check(json.dumps(tree).encode())
    assert (checked.document is None) == bool(checked.errors)


def test_the_published_schema_is_what_the_parser_reads() -> None:
    published = files("hostler.registry").joinpath("providers.schema.json").read_text("utf-8")
    assert json.loads(published) == schema(), "write json.dumps(schema(), indent=2) to providers.schema.json"
