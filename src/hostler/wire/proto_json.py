"""JSON as protocol buffers publish it: names in two spellings, bytes in two alphabets, schemas of the OpenAPI subset.

Knows the proto3 JSON mapping (protobuf.dev/programming-guides/json) and ai.google.dev/api/caching#Schema. Does not
know any wire.
"""

from typing import cast

from hostler.errors import WireError
from hostler.wire.fields import Members, need_items, need_members

_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_SCHEMAS = ("items", "additionalProperties", "not")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions", "patternProperties")


def camel(key: str) -> str:
    """A field's name as published: `function_declarations` is `functionDeclarations`."""
    if "_" not in key.strip("_") or len(key) > 80:
        return key
    first, *others = key.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def read_object(value: object, path: str) -> Members:
    """A JSON object with its fields' names as published, however they were spelled; WireError names `path`."""
    members = need_members(value, path)
    return {camel(key): inner for key, inner in members.items()} if "_" in "".join(members) else members


def read_list(value: object, path: str) -> list[object]:
    """A JSON array; documentation shows a single object in its place here and there. WireError names `path`."""
    return [value] if isinstance(value, dict) else need_items(value, path)


def standard_base64(data: str) -> str:
    """Bytes in base64's standard alphabet and padded, also if they came in the URL's: others read only that."""
    data = data.replace("-", "+").replace("_", "/")
    return data + "=" * (-len(data) % 4)


def json_schema(schema: Members) -> dict[str, object]:
    """A schema of the OpenAPI subset as JSON Schema; one that is JSON Schema already stays as it is.

    Raises WireError for one that is nested too deeply.
    """
    try:
        return _converted(schema)
    except RecursionError:
        raise WireError("A schema is nested too deeply to be read.") from None


def _converted(schema: Members) -> dict[str, object]:
    out: dict[str, object] = {}
    nullable = False
    for name, value in schema.items():
        key = camel(name)
        if key == "nullable":
            nullable = value is True
        elif key == "type" and isinstance(value, str):
            if value != "TYPE_UNSPECIFIED":
                out["type"] = value.lower()
        elif key in _COUNTS and isinstance(value, str) and value.isdecimal():
            out[key] = int(value)
        elif key != "propertyOrdering":
            out[key] = _inner(key, value)
    if nullable and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    return out


def _inner(key: str, value: object) -> object:
    if isinstance(value, dict) and key in _SCHEMAS:
        return _converted(cast("Members", value))
    if isinstance(value, dict) and key in _NAMED:
        return {name: _inner("items", inner) for name, inner in cast("Members", value).items()}
    if isinstance(value, list) and key in _LISTS:
        return [_inner("items", inner) for inner in cast("list[object]", value)]
    return cast("object", value)
