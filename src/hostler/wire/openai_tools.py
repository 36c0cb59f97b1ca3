"""Tools and tool choice of the two OpenAI wires, read into the core's. Knows all generations of the fields.

One of the wires nests what the other has flat, and clients mix them up: either form is taken on both.
"""

from typing import Literal

import msgspec

from hostler.core.requests import ToolChoice
from hostler.core.tools import Tool
from hostler.errors import WireError
from hostler.wire.fields import (
    Members,
    as_members,
    as_text,
    flag_or_none,
    need_items,
    need_members,
    need_text,
    text_or_none,
)


def read_tools(members: Members) -> tuple[Tool, ...]:
    """`tools`, and the legacy `functions` behind them."""
    tools: list[Tool] = []
    for index, item in enumerate(_items(members, "tools")):
        tools.append(read_tool(need_members(item, f"tools[{index}]"), f"tools[{index}]"))
    for index, item in enumerate(_items(members, "functions")):
        tools.append(_function(need_members(item, f"functions[{index}]"), f"functions[{index}]"))
    return tuple(tools)


def read_tool_choice(members: Members) -> ToolChoice | None:
    """`tool_choice` in each of its forms, or the legacy `function_call`."""
    value = members.get("tool_choice")
    if value is None:
        value = members.get("function_call")
        if value is not None and not isinstance(value, str):
            name = need_members(value, "function_call").get("name")
            return ToolChoice("named", need_text(name, "function_call.name"))
    if value is None:
        return None
    if not isinstance(value, str):
        return _choice_object(need_members(value, "tool_choice"))
    match value:
        case "auto" | "none" | "required" as mode:
            return ToolChoice(mode)
        case "any":  # Mistral's word
            return ToolChoice("required")
        case _:
            raise WireError(f"tool_choice: {value!r} is none of auto, none, required.")


def _choice_object(choice: Members) -> ToolChoice:
    match as_text(choice.get("type")):
        case "auto" | "none" | "required" as mode:
            return ToolChoice(mode)
        case "function" | "custom" as kind:
            name = as_members(choice.get(kind)).get("name") or choice.get("name")
            return ToolChoice("named", need_text(name, f"tool_choice.{kind}.name"))
        case "allowed_tools":
            return _allowed(choice)
        case kind:
            raise WireError(f"tool_choice.type: {kind!r} is not a choice of this wire.")


def _allowed(choice: Members) -> ToolChoice:
    allowed = as_members(choice.get("allowed_tools")) or choice  # the other API of the same vendor has it flat
    mode: Literal["auto", "required"] = "required" if allowed.get("mode") == "required" else "auto"
    names: list[str] = []
    for index, item in enumerate(need_items(allowed.get("tools"), "tool_choice.allowed_tools.tools")):
        path = f"tool_choice.allowed_tools.tools[{index}]"
        tool = need_members(item, path)
        inner = as_members(tool.get(as_text(tool.get("type"))))
        names.append(need_text(inner.get("name") or tool.get("name"), f"{path}.name"))
    return ToolChoice(mode, allowed=tuple(names))


def _items(members: Members, key: str) -> list[object]:
    value = members.get(key)
    return [] if value is None else need_items(value, key)


def read_tool(tool: Members, path: str) -> Tool:
    """One tool; one that the vendor runs itself is kept as JSON."""
    kind = tool.get("type")
    if kind == "function" or (kind is None and "function" in tool):
        inner = tool.get("function")
        if inner is None and "name" in tool:
            return _function(tool, path)
        return _function(need_members(inner, f"{path}.function"), f"{path}.function")
    if kind == "custom":
        inner = tool.get("custom")
        flat = inner is None and "name" in tool
        custom = tool if flat else need_members(inner, f"{path}.custom")
        place = path if flat else f"{path}.custom"
        return Tool(
            name=need_text(custom.get("name"), f"{place}.name"),
            description=text_or_none(custom, "description", path=f"{place}.") or "",
            parameters=as_members(custom.get("format")),
            custom=True,
        )
    return Tool(name=need_text(kind, f"{path}.type"), server=msgspec.json.encode(tool))


def _function(function: Members, path: str) -> Tool:
    parameters = function.get("parameters")
    return Tool(
        name=need_text(function.get("name"), f"{path}.name"),
        description=text_or_none(function, "description", path=f"{path}.") or "",
        parameters={} if parameters is None else need_members(parameters, f"{path}.parameters"),
        strict=flag_or_none(function, "strict", path=f"{path}."),
    )
