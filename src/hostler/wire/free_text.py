"""Free-form tools on wires whose tools take JSON alone: their text travels as one string. Knows that form; no wire."""

from dataclasses import replace
from typing import Final, cast

import msgspec

from hostler.core.messages import Message, Part, ToolCall
from hostler.core.requests import ChatRequest
from hostler.core.tools import Tool
from hostler.wire.dialects import Dialect

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


def without_free_text(request: ChatRequest, dialect: Dialect) -> tuple[ChatRequest, set[str]]:
    """The request with its free-form tools and their calls as functions, where the dialect has none; and what is lost.

    A grammar cannot be enforced on a function's string, but it can be told: models follow it well enough.
    """
    if dialect.custom_tools or not any(tool.custom for tool in request.tools):
        return request, set()
    tools = tuple(_as_function(tool) if tool.custom else tool for tool in request.tools)
    messages = tuple(Message(m.role, tuple(map(_as_json, m.parts)), m.name) for m in request.messages)
    return replace(request, tools=tools, messages=messages), {"tools[].custom"}


def _as_function(tool: Tool) -> Tool:
    grammar = tool.parameters.get("definition")
    told = f"{tool.description}\n\nThe input follows this grammar:\n{grammar}" if grammar else tool.description
    return replace(tool, custom=False, description=told.strip(), parameters=input_schema())


def _as_json(part: Part) -> Part:
    if not isinstance(part, ToolCall) or not part.custom:
        return part
    return replace(part, custom=False, arguments=wrapped(part.arguments), origin=None, opaque=None)
