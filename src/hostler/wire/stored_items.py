"""Requests of the Responses wire that lean on an earlier response, made to stand for themselves.

Knows: input items as raw bytes, references among them. Does not know: what an item says, where responses are stored.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw

from hostler.errors import WireError
from hostler.wire.fields import parse, whole_json


class _Kind(msgspec.Struct):
    type: str | None = None
    id: str | None = None


def input_items(body: bytes) -> list[bytes]:
    """The input of a request's body as raw items; a plain text is one message. Raises WireError."""
    with whole_json():
        raw = _fields(body).get("input", Raw(b"[]"))
        if bytes(raw).startswith(b'"'):
            return [msgspec.json.encode({"type": "message", "role": "user", "content": raw})]
        return [bytes(item) for item in parse(raw, list[Raw], path="input")]


def continued(
    body: bytes, history: Sequence[bytes] = (), *, find: Callable[[str], bytes | None] | None = None
) -> bytes:
    """A request's body as one that stands for itself: `history` before its input, references in it resolved.

    `history`: the raw items of the response that `previous_response_id` names, its own input and output; the earlier
    `instructions` do not belong to it, as the vendor does not carry them on either. `find` gives the item of an id for
    `item_reference`; what neither it nor `history` knows stays, and decoding refuses it. Raises WireError.
    """
    items = input_items(body)
    with whole_json():
        fields = _fields(body)
        known = {msgspec.json.decode(item, type=_Kind).id: item for item in history}
        for position, item in enumerate(items):
            kind = parse(item, _Kind, path=f"input[{position}]")
            if kind.type == "item_reference" and kind.id:
                items[position] = known.get(kind.id) or (find(kind.id) if find is not None else None) or item
    fields.pop("previous_response_id", None)
    fields["input"] = Raw(b"[" + b",".join([*history, *items]) + b"]")
    return msgspec.json.encode(fields)


def _fields(body: bytes) -> dict[str, Raw]:
    if not body.lstrip().startswith(b"{"):
        raise WireError("The body must be a JSON object.")
    return msgspec.json.decode(body, type=dict[str, Raw])
