"""Thinking and sources that we marked ourselves, on their way to a vendor that would refuse them.

Knows: the mark that other wires' thinking carries, and where blocks stand. Does not know: anything else in a body.
"""

from typing import cast

import msgspec

from hostler.wire.anthropic.vocabulary import UNSIGNED_SIGNATURE
from hostler.wire.fields import as_items, as_members, whole_json

_NAMES = ("signature", "encrypted_index")
_MARKS = (UNSIGNED_SIGNATURE.encode(), *(f'"{name}":{gap}""'.encode() for name in _NAMES for gap in ("", " ")))
_EMPTY = ("", UNSIGNED_SIGNATURE)


def has_unsigned(body: bytes) -> bool:
    """Whether a request may hold thinking that no vendor signed, or another's sources; a few searches, no parsing."""
    return any(mark in body for mark in _MARKS)


def without_unsigned(body: bytes) -> bytes:
    """The request without those blocks; a message that would be empty then is left out. All else stays as it was.

    Raises WireError.
    """
    with whole_json():
        return _without(body)


def _without(body: bytes) -> bytes:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    messages = msgspec.json.decode(fields["messages"]) if "messages" in fields else None
    if not isinstance(messages, list):
        return body
    kept = [m for m in (_cleaned(m) for m in cast("list[object]", messages)) if m is not None]
    fields["messages"] = msgspec.Raw(msgspec.json.encode(kept))
    return msgspec.json.encode(fields)


def _cleaned(message: object) -> object | None:
    if not isinstance(message, dict):
        return message
    members = cast("dict[str, object]", message)
    content = members.get("content")
    if not isinstance(content, list):
        return members
    before = cast("list[object]", content)
    blocks = [_uncited(b) for b in before if not _is_unsigned(b)]
    if blocks == before:
        return members
    return {**members, "content": blocks} if blocks else None


def _uncited(block: object) -> object:
    """A text without the sources that another wire's model named."""
    members = as_members(block)
    citations = as_items(members.get("citations"))
    own = [each for each in citations if as_members(each).get("encrypted_index") != ""]
    return block if len(own) == len(citations) else {**members, "citations": own or None}


def _is_unsigned(block: object) -> bool:
    if not isinstance(block, dict):
        return False
    members = cast("dict[str, object]", block)
    return members.get("type") == "thinking" and members.get("signature", "") in _EMPTY
