"""Schemas keep what they say when a vendor wants them written in another way."""

from typing import Any

import msgspec
import pytest
from anthropic import transform_schema
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import Unsupported
from hostler.wire.schemas import closed, inlined, strict

HORSE = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def test_references_become_what_they_refer_to() -> None:
    schema = {
        "type": "object",
        "properties": {
            "mine": {"$ref": "#/$defs/horse", "description": "my own"},
            "all": {"type": "array", "items": {"$ref": "#/$defs/horse"}},
            "far": {"$ref": "https://example.org/x"},
        },
        "$defs": {"horse": HORSE},
    }
    assert inlined(schema) == {
        "type": "object",
        "properties": {
            "mine": {**HORSE, "description": "my own"},
            "all": {"type": "array", "items": HORSE},
            "far": {},
        },
    }


def test_a_root_that_is_a_reference_and_old_definitions() -> None:
    assert inlined({"$ref": "#/definitions/a~1b", "definitions": {"a/b": HORSE}}) == HORSE


def test_a_schema_that_refers_to_itself_ends_in_any_value() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}
    written = inlined({"$ref": "#/$defs/tree", "$defs": {"tree": tree}})
    assert written == {"type": "object", "properties": {"left": {}}}
    assert inlined({"type": "object", "properties": {"me": {"$ref": "#"}}})["properties"] == {
        "me": {"type": "object", "properties": {"me": {}}}
    }


def test_a_schema_that_doubles_on_each_level_is_refused() -> None:
    defs: dict[str, Any] = {
        f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}}}
        for n in range(40)
    }
    with pytest.raises(Unsupported):
        inlined({"$ref": "#/$defs/d0", "$defs": defs})


@pytest.mark.parametrize("change", [inlined, closed, strict])
def test_a_schema_that_is_too_deep_is_refused(change: Any) -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(2000):
        deep = {"type": "array", "items": deep}
    with pytest.raises(Unsupported):
        change(deep)


def test_strict_objects_are_closed_and_their_optional_properties_may_be_null() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "breed": {"type": "string", "enum": ["cob", "shire"]},
            "age": {"type": ["integer", "string"]},
            "owner": {"anyOf": [{"type": "string"}, HORSE]},
            "stall": {"$ref": "#/$defs/stall"},
            "tags": {"type": "array", "items": {"type": "object", "properties": {}}},
            "nothing": {"type": "null"},
        },
        "required": ["name"],
        "$defs": {"stall": HORSE},
    }
    written: Any = strict(schema)
    closed_horse = {**HORSE, "additionalProperties": False}
    assert written["required"] == list(schema["properties"])
    assert written["additionalProperties"] is False
    assert written["properties"] == {
        "name": {"type": "string"},
        "breed": {"type": ["string", "null"], "enum": ["cob", "shire", None]},
        "age": {"type": ["integer", "string", "null"]},
        "owner": {"anyOf": [{"type": "string"}, closed_horse, {"type": "null"}]},
        "stall": {"anyOf": [{"$ref": "#/$defs/stall"}, {"type": "null"}]},
        "tags": {
            "type": ["array", "null"],
            "items": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        },
        "nothing": {"type": "null"},
    }
    assert written["$defs"] == {"stall": closed_horse}
    assert strict(written) == written


def test_closed_objects_lose_their_bounds_and_say_so() -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}
    assert closed(schema) == (
        {
            "type": "object",
            "properties": {"age": {"type": "integer"}},
            "required": ["age"],
            "additionalProperties": False,
        },
        True,
    )
    assert closed(HORSE) == ({**HORSE, "additionalProperties": False}, False)
    assert closed({"oneOf": [HORSE]})[0] == {"anyOf": [{**HORSE, "additionalProperties": False}]}
    counts = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}
    assert closed(counts) == ({"type": "array", "items": {"type": "string"}, "minItems": 1}, True)


_leaves = st.sampled_from([{"type": "string"}, {"type": "integer", "maximum": 9}, {"type": "boolean"}])
_schemas = st.recursive(
    _leaves,
    lambda inner: (
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(
            lambda named: {"type": "object", "properties": named, "required": list(named)}
        )
        | inner.map(lambda items: {"type": "array", "items": items})
        | st.lists(inner, min_size=1, max_size=2).map(lambda each: {"anyOf": each})
    ),
    max_leaves=8,
)


def without_words(schema: Any) -> Any:
    """The same without descriptions, in which the vendor's own transformation keeps the bounds that it takes out."""
    if isinstance(schema, dict):
        return {key: without_words(value) for key, value in schema.items() if key != "description"}
    return [without_words(each) for each in schema] if isinstance(schema, list) else schema


@given(_schemas)
def test_closed_schemas_are_those_that_the_vendors_own_sdk_makes(schema: dict[str, Any]) -> None:
    assert closed(schema)[0] == without_words(transform_schema(msgspec.convert(schema, dict[str, Any])))


@given(_schemas)
def test_nothing_that_is_passed_in_is_changed(schema: dict[str, Any]) -> None:
    before = msgspec.json.encode(schema)
    inlined(schema), closed(schema), strict(schema)
    assert msgspec.json.encode(schema) == before
