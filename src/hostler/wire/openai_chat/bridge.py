"""Object forms of `tool_choice` for servers that take only words: fewer tools, and a word.

Knows: `tools` and `tool_choice` of a request body. Does not know: anything else in it; all other bytes stay.
"""

from collections.abc import Callable
from typing import cast

import msgspec

from hostler.wire.fields import Members, as_members, whole_json


def bridge_tool_choice(body: bytes) -> bytes:
    """A named choice becomes that one tool and "required"; allowed tools become those and their mode.

    A body whose `tool_choice` is a word already, or of no known form, is returned as it is. Raises WireError.
    """
    with whole_json():
        return _bridged(body)


def _bridged(body: bytes) -> bytes:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    raw = fields.get("tool_choice")
    offered = fields.get("tools")
    if raw is None or not bytes(raw).startswith(b"{") or offered is None or not bytes(offered).startswith(b"["):
        return body
    mode, wanted = _read(as_members(msgspec.json.decode(raw)))
    if wanted is None:
        return body
    tools = msgspec.json.decode(offered, type=list[msgspec.Raw])
    fields["tools"] = msgspec.Raw(msgspec.json.encode([t for t in tools if wanted(_name(t))]))
    fields["tool_choice"] = msgspec.Raw(msgspec.json.encode(mode))
    return msgspec.json.encode(fields)


def _read(choice: Members) -> tuple[str, Callable[[str], bool] | None]:
    """The word for a choice, and which tools it leaves."""
    kind = choice.get("type")
    if kind == "allowed_tools":
        allowed = as_members(choice.get("allowed_tools"))
        listed = allowed.get("tools")
        tools = cast("list[object]", listed) if isinstance(listed, list) else []
        names = {_member_name(as_members(tool)) for tool in tools}
        mode = allowed.get("mode")
        return mode if isinstance(mode, str) else "auto", names.__contains__
    name = _member_name(choice)
    return "required", name.__eq__ if name else None


def _name(tool: msgspec.Raw) -> str:
    return _member_name(as_members(msgspec.json.decode(tool)))


def _member_name(members: Members) -> str:
    """The name in {"type": "function", "function": {"name": ...}}, or of a custom tool."""
    kind = members.get("type")
    name = as_members(members.get(kind if isinstance(kind, str) else "function")).get("name")
    return name if isinstance(name, str) else ""
