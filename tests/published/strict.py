"""JSON Schemas read strictly: what a schema does not name is wrong, and a union is judged by the member that is meant.

Knows: JSON Schema. Does not know: any vendor, any wire.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

Json = dict[str, Any]
TAGS = ("type", "object", "role")
"""Fields that tell the members of a union apart, the first that does."""
TAGGED = "tagged"


def _check_tagged(  # signature: jsonschema
    validator: Any, union: Json, value: Any, _schema: Json
) -> Iterator[ValidationError]:
    """Our one keyword: a union's member is chosen by its tag, so that it alone says what is wrong."""
    if not isinstance(value, dict):
        yield from validator.descend(value, union["others"])
        return
    word = value.get(union["field"])
    meant = union["members"].get(word) if isinstance(word, str) else None
    if meant is None:
        yield ValidationError(f"{union['field']} {word!r} is not one of {sorted(union['members'])}")
    else:
        yield from validator.descend(value, meant[0] if len(meant) == 1 else {"anyOf": meant})


_Validator: Any = validators.extend(Draft202012Validator, {TAGGED: _check_tagged})


class Schemas:
    """Documents with what they refer to. `roots` names each document's schema, `definitions` hold them all."""

    def __init__(self, roots: Mapping[str, str], definitions: Mapping[str, Json]) -> None:
        self._definitions = definitions
        self._roots = roots
        strict = {name: self._strict(schema) for name, schema in definitions.items()}
        self._validators = {document: _Validator({"$ref": root, "$defs": strict}) for document, root in roots.items()}

    @property
    def documents(self) -> frozenset[str]:
        """What can be judged."""
        return frozenset(self._roots)

    def complaints(self, document: str, value: object) -> list[str]:
        """What is wrong with a value, each with its path; empty for none."""
        return [line for error in self._validators[document].iter_errors(value) for line in _told(error)]

    def _strict(self, schema: Any) -> Any:
        """No unknown field where fields are named; and of a union only the member whose tag is written."""
        if isinstance(schema, list):
            return [self._strict(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        strict: Json = {
            key: {name: self._strict(each) for name, each in value.items()}
            if key == "properties"
            else self._strict(value)
            for key, value in schema.items()
        }
        if schema.get("properties") and not isinstance(schema.get("additionalProperties"), dict):
            strict["additionalProperties"] = False
        for key in ("anyOf", "oneOf"):
            if key in schema and (tagged := self._tagged(schema[key])):
                del strict[key]
                strict[TAGGED] = tagged
        return strict

    def _tagged(self, members: list[Json]) -> Json | None:
        """A union told apart by one field, as our own keyword; None for one that is not."""
        flat = list(self._flat(members))
        objects = [member for member in flat if "properties" in self._resolved(member)]
        tag = next((each for each in TAGS if all(self._words(member, each) for member in objects)), None)
        if len(objects) < 2 or tag is None:
            return None
        by_word: dict[str, list[Json]] = {}
        for member in objects:
            for word in self._words(member, tag):
                by_word.setdefault(word, []).append(self._strict(member))
        others = [self._strict(member) for member in flat if member not in objects]
        return {"field": tag, "members": by_word, "others": {"anyOf": others} if others else False}

    def _flat(self, members: list[Json]) -> Iterator[Json]:
        """The members of a union, and of the unions in it."""
        for member in members:
            told = self._resolved(member)
            inner = told.get("anyOf") or told.get("oneOf")
            if inner:
                yield from self._flat(inner)
            else:
                yield member

    def _words(self, member: Json, tag: str) -> tuple[str, ...]:
        """What a member says in the field that tells it apart; empty when it says nothing certain."""
        told = self._resolved(self._resolved(member).get("properties", {}).get(tag, {}))
        return (told["const"],) if "const" in told else tuple(told.get("enum", ()))

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].removeprefix("#/$defs/")]
        return schema


def _told(error: ValidationError) -> Iterator[str]:
    """An error in words; of a union's, those of the member that came nearest."""
    if not error.context:
        place = re.sub(r"\[\d+\]", "[]", error.json_path)
        yield f"{place}: {error.message[:200]}"
        return
    by_member: dict[object, list[ValidationError]] = {}
    for inner in error.context:
        by_member.setdefault(inner.schema_path[0], []).append(inner)
    nearest = max(by_member.values(), key=lambda errors: (max(len(e.absolute_path) for e in errors), -len(errors)))
    for inner in nearest:
        yield from _told(inner)
