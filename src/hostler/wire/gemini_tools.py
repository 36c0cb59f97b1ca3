"""Tools and their choice as the gemini wire has them, both ways. Knows declarations and modes; knows no messages.

Facts: ai.google.dev/api/caching#Tool and #ToolConfig.
"""

from typing import Final

import msgspec

from hostler.core.requests import ChatRequest, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import GEMINI
from hostler.errors import WireError
from hostler.wire import fields
from hostler.wire.dialects import Dialect
from hostler.wire.fields import as_items, as_members
from hostler.wire.free_text import input_schema
from hostler.wire.proto_json import json_schema, read_list, read_object
from hostler.wire.tool_offers import offer_tools

Json = dict[str, object]
_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
_READ_OF_TOOL: Final = frozenset(("name", "description", "parameters", "parametersJsonSchema"))


def read_tools(value: object, extra: Json, *, strict: bool | None) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    for index, item in enumerate(read_list(value or [], "tools")):
        for key, inner in read_object(item, f"tools[{index}]").items():
            if key != "functionDeclarations":
                tools.append(Tool(name=key, server=msgspec.json.encode({key: inner})))
                continue
            for position, declared in enumerate(fields.need_items(inner, f"tools[{index}].{key}")):
                tools.append(_read_tool(declared, f"tools[{index}].{key}[{position}]", extra=extra, strict=strict))
    return tuple(tools)


def _read_tool(value: object, path: str, *, extra: Json, strict: bool | None) -> Tool:
    declared = read_object(value, path)
    name = fields.need_text(declared.get("name"), f"{path}.name")
    for key in declared.keys() - _READ_OF_TOOL:
        extra[f"tools[].{key}"] = {**as_members(extra.get(f"tools[].{key}")), name: declared[key]}
    parameters = declared.get("parametersJsonSchema")
    if parameters is None:
        parameters = json_schema(fields.need_members(declared.get("parameters") or {}, f"{path}.parameters"))
    return Tool(
        name=name,
        description=fields.text_or_none(declared, "description", path=f"{path}.") or "",
        parameters=fields.need_members(parameters, f"{path}.parametersJsonSchema"),
        strict=strict,
    )


def read_choice(value: object, extra: Json) -> tuple[ToolChoice | None, bool | None]:
    """The choice of tools, and whether calls must follow their schemas (VALIDATED)."""
    config = read_object(value or {}, "toolConfig")
    extra |= {f"toolConfig.{key}": inner for key, inner in config.items() if key != "functionCallingConfig"}
    path = "toolConfig.functionCallingConfig"
    calling = read_object(config.get("functionCallingConfig") or {}, path)
    names = tuple(
        fields.need_text(name, f"{path}.allowedFunctionNames[{index}]")
        for index, name in enumerate(as_items(calling.get("allowedFunctionNames")))
    )
    match (fields.text_or_none(calling, "mode", path=f"{path}.") or "").upper():
        case "" | "MODE_UNSPECIFIED":
            return (ToolChoice(allowed=names) if names else None), None
        case "AUTO" | "VALIDATED" as mode:
            return ToolChoice(allowed=names), True if mode == "VALIDATED" else None
        case "NONE":
            return ToolChoice("none"), None
        case "ANY":
            return ToolChoice("named", names[0]) if len(names) == 1 else ToolChoice("required", allowed=names), None
        case mode:
            raise WireError(f"{path}.mode must be AUTO, ANY, NONE or VALIDATED, not '{mode}'.")


def write_tools(request: ChatRequest, dialect: Dialect, dropped: set[str]) -> Json:  # signature: as offer_tools
    """`tools` and `toolConfig`; adds to `dropped` what they cannot say."""
    offered, choice = offer_tools(request, dialect, wire=GEMINI, dropped=dropped)
    if choice is not None and choice.mode == "auto" and choice.allowed:  # names go with a forced choice alone
        offered = tuple(tool for tool in offered if tool.name in choice.allowed)
    declared = [_write_tool(tool, request, dropped=dropped) for tool in offered if tool.server is None]
    tools: list[Json | msgspec.Raw] = [{"functionDeclarations": declared}] if declared else []
    tools += [msgspec.Raw(tool.server) for tool in offered if tool.server is not None]
    body: Json = {"tools": tools} if tools else {}
    if request.parallel_tool_calls is False:
        dropped.add("parallel_tool_calls")
    strict = [tool.strict is True for tool in offered if tool.server is None]
    is_free = choice is None or choice.mode == "auto"
    is_strict = is_free and any(strict) and all(strict)  # one switch for all tools, and for a free choice
    if any(strict) and not is_strict:
        dropped.add("tools[].strict")
    if declared and (choice is not None or is_strict):
        mode = choice.mode if choice is not None else "auto"
        calling: Json = {"mode": "VALIDATED" if is_strict else _MODES[mode]}
        if choice is not None and not is_free and (choice.name or choice.allowed):
            calling["allowedFunctionNames"] = [choice.name] if choice.name else choice.allowed
        body["toolConfig"] = {"functionCallingConfig": calling}
    return body


def _write_tool(tool: Tool, request: ChatRequest, *, dropped: set[str]) -> Json:
    if tool.cache is not None:
        dropped.add("tools[].cache_control")
    declared: Json = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.custom:  # the wire has no free-form tools
        dropped.add("tools[].custom")
        declared["parametersJsonSchema"] = input_schema()
    elif tool.parameters:
        declared["parametersJsonSchema"] = tool.parameters
    if request.wire == GEMINI:
        for key, per_tool in request.extra.items():
            if key.startswith("tools[].") and tool.name in as_members(per_tool):
                declared[key.removeprefix("tools[].")] = as_members(per_tool)[tool.name]
    return declared
