"""Free-form tools on wires whose tools take JSON alone: their text travels as one string. Knows that form; no wire."""

from typing import Final, cast

import msgspec

INPUT: Final = "input"
"""The one argument under which a free-form tool's text travels."""


def input_schema() -> dict[str, object]:
    """The JSON Schema of a free-form tool's arguments, for a model that is offered it as a function."""
    field = {"type": "string", "description": "The tool's input, as plain text."}
    return {"type": "object", "properties": {INPUT: field}, "required": [INPUT]}


def wrapped(text: str) -> str:
    """A free-form tool's text as JSON arguments."""
    return msgspec.json.encode({INPUT: text}).decode()


def unwrapped(arguments: str) -> str:
    """The text within JSON arguments; what is no object around one string is taken as it stands."""
    try:
        value: object = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return arguments
    if isinstance(value, str):
        return value
    members = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    text = members.get(INPUT, next(iter(members.values()), None) if len(members) == 1 else None)
    return text if isinstance(text, str) else arguments
