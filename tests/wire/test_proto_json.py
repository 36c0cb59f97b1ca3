"""Names and bytes are read in both spellings; schemas of the OpenAPI subset become JSON Schema."""

import pytest
from hypothesis import given

from hostler.errors import WireError
from hostler.wire.proto_json import camel, json_schema, read_list, read_object, standard_base64
from tests.wire.strategies import schemas


@pytest.mark.slow
@given(schemas)
def test_json_schema_stays(schema: dict[str, object]) -> None:
    assert json_schema(schema) == schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "STRING", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
        (
            {"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": "1"},
            {"type": "array", "items": {"type": "number"}, "minItems": 1},
        ),
        ({"any_of": [{"type": "INTEGER"}, {"type": "NULL"}]}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (
            {
                "type": "OBJECT",
                "properties": {"type": {"type": "BOOLEAN"}, "my_key": {"type": "STRING"}},
                "propertyOrdering": ["type"],
            },
            {"type": "object", "properties": {"type": {"type": "boolean"}, "my_key": {"type": "string"}}},
        ),
        ({"type": "TYPE_UNSPECIFIED"}, {}),
        ({"enum": ["A_B"], "$defs": {"X": {"type": "STRING"}}}, {"enum": ["A_B"], "$defs": {"X": {"type": "string"}}}),
    ],
)
def test_the_subset_becomes_json_schema(schema: dict[str, object], expected: dict[str, object]) -> None:
    assert json_schema(schema) == expected


@pytest.mark.parametrize(
    ("given_name", "published"),
    [
        ("function_declarations", "functionDeclarations"),
        ("topP", "topP"),
        ("_x", "_x"),
        ("a" * 90 + "_b", "a" * 90 + "_b"),
    ],
)
def test_names_as_published(given_name: str, published: str) -> None:
    assert camel(given_name) == published


def test_objects_and_lists_in_both_spellings() -> None:
    assert read_object({"mime_type": 1, "b": {"c_d": 2}}, "x") == {"mimeType": 1, "b": {"c_d": 2}}
    assert read_list({"a": 1}, "x") == [{"a": 1}]
    with pytest.raises(WireError, match="x must be an array"):
        read_list("a", "x")


@pytest.mark.parametrize(("sent", "standard"), [("-_8", "+/8="), ("+/8=", "+/8="), ("AAAA", "AAAA"), ("AA", "AA==")])
def test_bytes_in_both_alphabets(sent: str, standard: str) -> None:
    assert standard_base64(sent) == standard


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    schema: dict[str, object] = {}
    for _ in range(5000):
        schema = {"items": schema}
    with pytest.raises(WireError, match="too deeply"):
        json_schema(schema)
