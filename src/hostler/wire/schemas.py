"""JSON Schemas as one vendor or another accepts them. Knows schema keywords; does not know any wire, or who wants what.

Facts: developers.openai.com/api/docs/guides/structured-outputs (strict: closed objects, all properties required,
optional ones as a union with null), platform.claude.com/docs/en/build-with-claude/structured-outputs (closed objects,
no bounds on numbers, lengths and most counts).
"""

from collections.abc import Callable
from typing import Final, cast

import msgspec

from hostler.errors import Unsupported
from hostler.wire.fields import Members, as_items, as_members

_ONE: Final = ("items", "not", "if", "then", "else", "contains", "additionalProperties", "propertyNames")
_MANY: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED: Final = ("properties", "$defs", "definitions", "patternProperties")
_DEFS: Final = ("$defs", "definitions")
MOST_NODES: Final = 20_000
"""Objects of a schema without references: one that refers to itself twice on each level doubles with each."""

_BOUNDS: Final = frozenset(
    (
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
        "maxItems", "uniqueItems", "minProperties", "maxProperties", "contains", "minContains", "maxContains",
    )
)  # fmt: skip

Schema = dict[str, object]


def inlined(schema: Members) -> Schema:
    """The schema without references: each is replaced by what it refers to, one to itself by any value at all."""
    try:
        return cast("Schema", _Inliner(schema).inline(schema))
    except RecursionError:
        raise Unsupported("A schema is nested too deeply to be read.") from None


def closed(schema: Members) -> tuple[Schema, bool]:
    """The schema with objects that allow nothing else and without bounds, and whether a bound was left out."""
    lost = False

    def close(inner: Schema) -> Schema:
        nonlocal lost
        bounds = [key for key in inner if key in _BOUNDS or (key == "minItems" and inner[key] not in (0, 1))]
        lost = lost or bool(bounds)
        inner = {key: value for key, value in inner.items() if key not in bounds}
        if "oneOf" in inner and "anyOf" not in inner:
            inner["anyOf"] = inner.pop("oneOf")
        return {**inner, "additionalProperties": False} if _is_object(inner) else inner

    return _walk(schema, close), lost


def in_words(schema: Members) -> str:
    """What a model is told where it cannot be given a schema; the word JSON is what some vendors look for."""
    text = msgspec.json.encode(schema).decode()
    return f"Answer with one JSON object and nothing else. It must fit this JSON Schema:\n{text}"


def strict(schema: Members) -> Schema:
    """The schema with closed objects whose properties are all required; those that were optional may be null."""
    return _walk(schema, _strict)


def _strict(schema: Schema) -> Schema:
    if not _is_object(schema):
        return schema
    given = as_members(schema.get("properties"))
    needed = set(as_items(schema.get("required")))
    properties = {name: value if name in needed else _or_null(as_members(value)) for name, value in given.items()}
    return {**schema, "properties": properties, "required": list(given), "additionalProperties": False}


def _or_null(schema: Members) -> Schema:
    kind = schema.get("type")
    if isinstance(kind, str) and "const" not in schema:
        if kind == "null":
            return dict(schema)
        nullable: Schema = {**schema, "type": [kind, "null"]}
        if isinstance(schema.get("enum"), list) and None not in as_items(schema["enum"]):
            nullable["enum"] = [*as_items(schema["enum"]), None]
        return nullable
    if isinstance(kind, list):
        kinds = as_items(cast("object", kind))
        return {**schema, "type": kinds if "null" in kinds else [*kinds, "null"]}
    options = as_items(schema.get("anyOf"))
    if options:
        return dict(schema) if {"type": "null"} in options else {**schema, "anyOf": [*options, {"type": "null"}]}
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _is_object(schema: Members) -> bool:
    kind = schema.get("type")
    return (
        kind == "object" or (isinstance(kind, list) and "object" in kind) or (kind is None and "properties" in schema)
    )


def _walk(schema: Members, change: Callable[[Schema], Schema]) -> Schema:
    """The schema with every schema in it changed, the inner ones first."""
    try:
        return change({key: _walk_value(key, value, change=change) for key, value in schema.items()})
    except RecursionError:
        raise Unsupported("A schema is nested too deeply to be read.") from None


def _walk_value(key: str, value: object, *, change: Callable[[Schema], Schema]) -> object:
    if key in _ONE and isinstance(value, dict):
        return _walk(as_members(cast("object", value)), change)
    if key in _MANY and isinstance(value, list):
        return [_walk_any(each, change) for each in as_items(cast("object", value))]
    if key in _NAMED and isinstance(value, dict):
        return {name: _walk_any(each, change) for name, each in as_members(cast("object", value)).items()}
    return value


def _walk_any(value: object, change: Callable[[Schema], Schema]) -> object:
    return _walk(cast("Members", value), change) if isinstance(value, dict) else value


class _Inliner:
    """Replaces references, as long as the schema does not outgrow its bound."""

    def __init__(self, root: Members) -> None:
        self._root = root
        self._left = MOST_NODES

    def inline(self, value: object, within: tuple[str, ...] = ()) -> object:
        """`value` without references; `within` are those that led to it."""
        if isinstance(value, list):
            return [self.inline(each, within) for each in cast("list[object]", value)]
        if not isinstance(value, dict):
            return value
        self._left -= 1
        if self._left < 0:
            raise Unsupported(f"A schema without its references is larger than {MOST_NODES} objects.")
        members = cast("Members", value)
        target = members.get("$ref")
        top = value is self._root
        beside = {
            key: self.inline(each, within)
            for key, each in members.items()
            if not (key == "$ref" and isinstance(target, str)) and not (top and key in _DEFS)
        }
        if not isinstance(target, str) or target in within:
            return beside
        found = self.inline(self._look_up(target), (*within, target))
        return {**as_members(found), **beside}

    def _look_up(self, target: str) -> object:
        """What a JSON pointer names; an empty schema where it names nothing, or something elsewhere."""
        place: object = self._root if target.startswith("#") else {}
        for step in target.removeprefix("#").strip("/").split("/"):
            if step:
                place = as_members(place).get(step.replace("~1", "/").replace("~0", "~"), {})
        return {key: each for key, each in self._root.items() if key not in _DEFS} if place is self._root else place
