"""A call's arguments on wires that have them as an object. Knows both forms; does not know any wire.

The core keeps the text that the model wrote, which may be cut or no JSON at all.
"""

from typing import Final, cast

import msgspec

from hostler.core.messages import ToolCall
from hostler.wire.free_text import wrapped

INVALID_JSON: Final = "INVALID_JSON"
"""The argument under which a text travels that is no object."""


def as_object(call: ToolCall, place: str, *, dropped: set[str]) -> msgspec.Raw | dict[str, object]:
    """The arguments as an object; text that is none goes under a key that says so, and `place` to `dropped`."""
    text = wrapped(call.arguments) if call.custom else call.arguments.strip() or "{}"
    try:
        if isinstance(msgspec.json.decode(text), dict):
            return msgspec.Raw(text.encode())
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        pass
    dropped.add(place)
    return {INVALID_JSON: call.arguments}


def as_json_text(value: object) -> str:
    """The text of an object, also of one that `as_object` had to make; some write the text itself instead."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict) and len(members := cast("dict[str, object]", value)) == 1:
        kept = members.get(INVALID_JSON)
        if isinstance(kept, str):
            return kept
    return msgspec.json.encode(value).decode()
