"""Knows how to look into parsed JSON or YAML of unknown shape without losing types. Does not know any format."""

from typing import TypeGuard

Json = dict[str, object]


def is_object(value: object) -> TypeGuard[Json]:
    """Whether a parsed value is a JSON object (parsers give objects string keys)."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[object]]:
    """Whether a parsed value is a JSON array."""
    return isinstance(value, list)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a parsed value is a JSON number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def object_of(value: object) -> Json:
    """The value as an object; an empty one when it is none."""
    return value if is_object(value) else {}


def objects_of(value: object) -> list[Json]:
    """The objects in an array; none when it is no array."""
    return [one for one in value if is_object(one)] if is_array(value) else []


def object_at(value: object, key: str) -> Json:
    """The object under `key`, or an empty one."""
    found = value.get(key) if is_object(value) else None
    return found if is_object(found) else {}


def array_at(value: object, key: str) -> list[object]:
    """The array under `key`, or an empty one."""
    found = value.get(key) if is_object(value) else None
    return found if is_array(found) else []


def text_at(value: object, key: str) -> str:
    """The string under `key`, or an empty one."""
    found = value.get(key) if is_object(value) else None
    return found if isinstance(found, str) else ""


def texts_of(content: object) -> str:
    """The text of a message's content: a string, or the `text` of its parts, joined by line breaks."""
    if isinstance(content, str):
        return content
    parts = content if is_array(content) else []
    return "\n".join(text for part in parts if (text := text_at(part, "text")))


def kind_of(value: object) -> str:
    """What JSON calls a value, with its article, as error messages put it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case list():
            return "an array"
        case _:
            return "an object"
