"""Tools: what a model may call. Knows names, schemas and how a Python signature becomes one; runs nothing."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, get_type_hints

from hostler.core.messages import CacheMark
from hostler.core.tool_docs import read_docs
from hostler.core.tool_schema import Schema, annotation_text, described, from_json, json_default, schema_of

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool as a model sees it. `parameters` is a JSON Schema object; `custom` tools take free text instead.

    `server` holds the raw JSON of a tool that the vendor runs itself (web search, ...); only its own wire knows it.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    strict: bool | None = None
    custom: bool = False
    cache: CacheMark | None = None
    server: bytes | None = None


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A Python function and the tool that a model sees of it. `function` may be a coroutine function."""

    tool: Tool
    function: Callable[..., object]

    def arguments(self, given: Mapping[str, object]) -> dict[str, object]:
        """Keyword arguments for `function` from a call's JSON: enum members, records and tuples are made.

        Raises ValueError that names the argument which is missing, unknown or does not fit, in words for the model.
        """
        parameters = _parameters(self.function)
        hints = _hints(self.function)
        if unknown := given.keys() - parameters.keys():
            raise ValueError(f"{self.tool.name} takes no argument {_names(unknown)}; it takes {_names(parameters)}.")
        needed = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
        if missing := needed - given.keys():
            raise ValueError(f"{self.tool.name} lacks the argument {_names(missing)}.")
        ready: dict[str, object] = {}
        for name, value in given.items():
            try:
                ready[name] = from_json(hints[name], value)
            except (ValueError, TypeError) as error:
                raise ValueError(f"{self.tool.name}: argument {name}: {error}.") from None
        return ready


def function_tool(function: Callable[..., object], *, name: str = "") -> FunctionTool:
    """Pair a function with its tool. Raises TypeError like `tool_from_function`."""
    return FunctionTool(tool_from_function(function, name=name), function)


def tool_from_function(function: Callable[..., object], *, name: str = "") -> Tool:
    """The tool that a function is: its name, its docstring and its annotated parameters.

    A parameter's description comes from `Annotated[..., "text"]`, else from the docstring (Google, numpy, reST).
    Raises TypeError that names function and parameter for what no schema can say: `*args`, `**kwargs`, positional-only
    and unannotated parameters, types without a JSON form.
    """
    called = name or getattr(function, "__name__", type(function).__name__)
    if not _NAME.fullmatch(called):
        raise TypeError(f"'{called}' is no tool name: letters, digits, '_' and '-', at most 64; pass name=")
    docs = read_docs(inspect.getdoc(function) or "")
    hints = _hints(function)
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for parameter in _parameters(function).values():
        where = f"tool '{called}', parameter '{parameter.name}'"
        _check(parameter, hints, where=where)
        hint = hints[parameter.name]
        schema = schema_of(hint, where)
        text = annotation_text(hint) or docs.parameters.get(parameter.name, "")
        properties[parameter.name] = _with_default(described(schema, text), parameter, where=where)
        if parameter.default is parameter.empty:
            required.append(parameter.name)
    parameters: Schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return Tool(name=called, description=docs.description, parameters=parameters)


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def _hints(function: Callable[..., object]) -> dict[str, object]:
    target = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except NameError as error:
        raise TypeError(f"{function!r}: its annotations cannot be read: {error}") from None


def _check(parameter: inspect.Parameter, hints: Mapping[str, object], *, where: str) -> None:
    match parameter.kind:
        case inspect.Parameter.VAR_POSITIONAL | inspect.Parameter.VAR_KEYWORD:
            stars = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else "**"
            raise TypeError(f"{where}: {stars}{parameter.name} cannot be described to a model; name each parameter")
        case inspect.Parameter.POSITIONAL_ONLY:
            raise TypeError(f"{where}: it is positional-only, but models name their arguments")
        case _:
            pass
    if parameter.name not in hints:
        raise TypeError(f"{where}: it has no annotation")


def _with_default(schema: Schema, parameter: inspect.Parameter, *, where: str) -> Schema:
    if parameter.default is parameter.empty:
        return schema
    try:
        return {**schema, "default": json_default(parameter.default)}
    except TypeError as error:
        raise TypeError(f"{where}: its default {error}") from None


def _names(names: "set[str] | Mapping[str, object]") -> str:
    return ", ".join(sorted(names)) or "none"
