"""Tools, tool choice and structured output of the Responses wire, both ways. Knows no items, no other field.

Facts: the types of the `openai` SDK 3.51. A tool within a namespace gets a flat name, since nobody else has namespaces;
what it stands for is kept in `ChatRequest.extra`, as are all fields of tools that only this wire has.
"""

import hashlib
from typing import Final, cast

from msgspec import Raw

from hostler.core.requests import ChatRequest, OutputFormat, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import OPENAI_RESPONSES
from hostler.wire import schemas
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.fields import Members, as_items, as_members, as_text, need_items, need_members, need_text
from hostler.wire.openai_tools import read_tool, read_tool_choice

Json = dict[str, object]
NAMESPACE: Final = "tools[].namespace"
"""The key of `extra` under which flat tool names stand, each with its namespace, name, and the namespace's purpose."""

_LONGEST_NAME: Final = 64
_READ: Final = frozenset(("type", "name", "description", "parameters", "strict", "format", "function", "custom"))


def flat_name(space: str, name: str) -> str:
    """A tool's name where there are no namespaces; within the length that every vendor allows."""
    flat = f"{space.removesuffix('__')}__{name}" if space else name
    if len(flat) <= _LONGEST_NAME or not space:
        return flat
    return f"{flat[: _LONGEST_NAME - 9]}_{hashlib.sha256(flat.encode()).hexdigest()[:8]}"


def spelled(flat: str, request: ChatRequest | None) -> Json:
    """A tool's `name`, and its `namespace` where the request offered it in one."""
    space = as_items(as_members(request.extra.get(NAMESPACE)).get(flat)) if request is not None else []
    return {"namespace": space[0], "name": space[1]} if space else {"name": flat}


def read_tools(value: object, extra: Json, *, space: Members | None = None) -> tuple[Tool, ...]:
    """`tools`, in their namespaces; fields that only this wire has go to `extra`. Raises WireError."""
    tools: list[Tool] = []
    for position, item in enumerate([] if value is None else need_items(value, "tools")):
        path = f"tools[{position}]" if space is None else f"tools[].tools[{position}]"
        members = need_members(item, path)
        if members.get("type") == "namespace":
            need_text(members.get("name"), f"{path}.name")
            tools += read_tools(members.get("tools"), extra, space=members)
            continue
        if space is not None:
            purpose = [space["name"], need_text(members.get("name"), f"{path}.name"), as_text(space.get("description"))]
            members = {**members, "name": flat_name(str(purpose[0]), str(purpose[1]))}
            cast("Json", extra.setdefault(NAMESPACE, {}))[as_text(members["name"])] = purpose
        tool = read_tool(members, path)
        tools.append(tool)
        for key in members.keys() - _READ if tool.server is None else ():
            if members[key] is not None:
                cast("Json", extra.setdefault(f"tools[].{key}", {}))[tool.name] = members[key]
    return tuple(tools)


def read_choice(members: Members, extra: Json) -> ToolChoice | None:
    """`tool_choice` in each of its forms; one for tools that the vendor runs itself goes to `extra`."""
    choice = as_members(members.get("tool_choice"))
    if not choice:
        return read_tool_choice({"tool_choice": members.get("tool_choice")})
    listed = [as_members(tool) for tool in as_items(choice.get("tools"))] or [choice]
    ours = [tool for tool in listed if tool.get("type") in ("function", "custom", "allowed_tools")]
    if len(ours) < len(listed):
        extra["tool_choice"] = choice  # tools that the vendor runs itself
    flat = [
        {**t, "name": flat_name(as_text(t.get("namespace")), as_text(t["name"]))} if "name" in t else t for t in ours
    ]
    if choice.get("type") == "allowed_tools":
        return read_tool_choice({"tool_choice": {**choice, "tools": flat}})
    return read_tool_choice({"tool_choice": flat[0]}) if flat else None


def write_choice(choice: ToolChoice, request: ChatRequest) -> str | Json:
    """`tool_choice` of a request, by the kinds and namespaces of its tools."""
    custom = {tool.name for tool in request.tools if tool.custom}
    named = (choice.name,) if choice.mode == "named" else choice.allowed
    tools = [{"type": "custom" if name in custom else "function", **spelled(name, request)} for name in named]
    if choice.mode == "named":
        return tools[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": tools} if tools else choice.mode


def write_tools(tools: tuple[Tool, ...], request: ChatRequest, *, dialect: Dialect = PLAIN) -> list[object]:
    """Tools as this wire offers them, within their namespaces."""
    written: list[object] = []
    spaces: dict[object, list[Json]] = {}
    same_wire = request.wire == OPENAI_RESPONSES
    more = {k[8:]: as_members(v) for k, v in request.extra.items() if same_wire and k.startswith("tools[].")}
    table = more.pop("namespace", {})
    for tool in tools:
        if tool.server is not None:
            written.append(Raw(tool.server))
            continue
        item = {
            **_tool(tool, None if same_wire else dialect),
            **{key: v[tool.name] for key, v in more.items() if tool.name in v},
        }
        if tool.name not in table:
            written.append(item)
            continue
        space, item["name"], purpose = as_items(table[tool.name])
        if space not in spaces:
            spaces[space] = []
            written.append({"type": "namespace", "name": space, "description": purpose, "tools": spaces[space]})
        spaces[space].append(item)
    return written


def accepted_schema(schema: Members, dialect: Dialect, *, strict: bool) -> Members:
    """A schema of another wire's client as the vendor accepts it."""
    if dialect.inline_refs:
        schema = schemas.inlined(schema)
    return schemas.strict(schema) if strict and dialect.strict_schemas else schema


def _tool(tool: Tool, dialect: Dialect | None) -> Json:
    """One tool; without a dialect as a client of this wire wrote it."""
    item: Json = {"type": "custom" if tool.custom else "function", "name": tool.name}
    if tool.description:
        item["description"] = tool.description
    if tool.custom:
        return {**item, "format": tool.parameters} if tool.parameters else item
    parameters = tool.parameters or {"type": "object", "properties": {}}
    if dialect is not None:
        parameters = accepted_schema(parameters, dialect, strict=tool.strict is True)
    item["parameters"] = parameters
    if tool.strict is not None or dialect is not None:
        item["strict"] = bool(tool.strict)  # what other wires mean by silence; here it asks for a strict schema
    return item


def read_format(value: object, extra: Json) -> OutputFormat | None:
    """`text.format`; one that only the vendor knows goes to `extra`. Raises WireError."""
    form = need_members(value or {}, "text.format")
    match form.get("type"):
        case None | "text":
            return None
        case "json_object":
            return OutputFormat("json_object")
        case "json_schema":
            form = as_members(form.get("json_schema")) or form
            schema, strict = need_members(form.get("schema"), "text.format.schema"), form.get("strict")
            name, description = as_text(form.get("name")), as_text(form.get("description"))
            return OutputFormat("json_schema", schema, name, strict if isinstance(strict, bool) else None, description)
        case _:
            extra["text.format"] = value  # a grammar, say
            return None


def write_format(asked: OutputFormat, dialect: Dialect, *, same_wire: bool) -> Json:
    """`text.format`; any JSON object where the vendor knows no schemas."""
    if asked.kind == "json_object" or not dialect.json_schema:
        return {"type": "json_object"}
    schema = asked.schema or {"type": "object"}
    if not same_wire:
        schema = accepted_schema(schema, dialect, strict=asked.strict is True)
    form: Json = {"type": "json_schema", "name": asked.name or "reply", "schema": schema}
    if asked.strict is not None:
        form["strict"] = asked.strict
    return {**form, "description": asked.description} if asked.description else form
