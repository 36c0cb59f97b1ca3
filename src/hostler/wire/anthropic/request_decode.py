"""Request bodies of this wire into `ChatRequest`. Knows every published field; does not know what is done with it.

Fields that only this wire has go to `ChatRequest.extra`, under their name or, where a known field holds them, under
a path (`thinking.display`, `tools[].defer_loading`), so that another wire can name them as dropped.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from hostler.core.messages import Message, Part, ToolResult
from hostler.core.requests import ChatRequest, Effort, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC
from hostler.errors import WireError
from hostler.wire.anthropic.content_decode import Notes, decode_content
from hostler.wire.anthropic.vocabulary import CacheControl, cache_to_core
from hostler.wire.fields import Members, need_members, parse, parse_object, text_or_none

_NULL: Final = msgspec.Raw(b"null")
_EFFORTS: Final[Mapping[str, Effort]] = {
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}


class _Request(msgspec.Struct):
    model: str
    messages: msgspec.Raw
    system: msgspec.Raw = _NULL
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[msgspec.Raw] | None = None
    tool_choice: msgspec.Raw = _NULL
    thinking: msgspec.Raw = _NULL
    output_config: msgspec.Raw = _NULL
    metadata: msgspec.Raw = _NULL
    cache_control: CacheControl | None = None
    stream: bool | None = None


class _Message(msgspec.Struct):
    role: str
    content: msgspec.Raw = _NULL


class _ToolKind(msgspec.Struct):
    name: str | None = None
    type: str | None = None


class _Tool(msgspec.Struct):
    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, object] | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None


class _ToolChoice(msgspec.Struct):
    type: str
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


_KNOWN: Final = frozenset(_Request.__struct_fields__)
_KNOWN_IN_TOOL: Final = frozenset(_Tool.__struct_fields__)


def decode_request(body: bytes) -> ChatRequest:
    """The request that a client posted to `/v1/messages`; raises WireError that names the place.

    `max_tokens` may be missing: not every upstream needs it.
    """
    members = _members(body)
    if "model" not in members or "messages" not in members:
        raise WireError(f"{'messages' if 'model' in members else 'model'} is required.")
    wire = parse(body, _Request, path="body")
    notes = Notes()
    extra: dict[str, object] = {key: value for key, value in members.items() if key not in _KNOWN}
    messages = _decode_messages(wire, notes)
    tools = _decode_tools(wire.tools or [], extra)
    choice, parallel = _decode_choice(wire.tool_choice)
    reasoning, output_format = _decode_depth(wire, members, extra=extra)
    extra |= dict.fromkeys(sorted(notes.lost), True)
    return ChatRequest(
        model=wire.model,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_tokens=wire.max_tokens,
        sampling=Sampling(
            temperature=wire.temperature, top_p=wire.top_p, top_k=wire.top_k, stop=tuple(wire.stop_sequences or ())
        ),
        reasoning=reasoning,
        output_format=output_format,
        stream=bool(wire.stream),
        include_usage=True,
        user=_decode_user(members, extra),
        cache=cache_to_core(wire.cache_control),
        wire=ANTHROPIC,
        extra=extra,
    )


def _members(body: bytes) -> Members:
    """The body's top level; what is long is read elsewhere, and not here a second time."""
    try:
        body.decode()  # parts that are passed over, and sent on as they are, must be text too
        members = _decode_top(body)
        return {key: value if key in _LONG else _decode_any(value) for key, value in members.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return parse_object(body)  # it says what is wrong


_LONG: Final = frozenset(("messages", "system", "tools"))
_decode_top = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode
_decode_turns = msgspec.json.Decoder(list[_Message]).decode


def _turns(raw: msgspec.Raw) -> list[_Message]:
    try:
        return _decode_turns(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # read one by one, so that the place is named
        items = parse(raw, list[msgspec.Raw], path="messages")
        return [parse(item, _Message, path=f"messages[{position}]") for position, item in enumerate(items)]


def _decode_messages(wire: _Request, notes: Notes) -> tuple[Message, ...]:
    messages: list[Message] = []
    system = decode_content(wire.system, "system", notes=notes)
    if system:
        messages.append(Message("system", system))
    for position, message in enumerate(_turns(wire.messages)):
        messages += _decode_message(message, f"messages[{position}]", notes=notes)
    return tuple(messages)


def _decode_message(message: _Message, path: str, *, notes: Notes) -> list[Message]:
    notes.keep_citations = message.role == "assistant"
    parts = decode_content(message.content, f"{path}.content", notes=notes)
    match message.role:
        case "assistant" | "system":
            return [Message(message.role, parts)] if parts else []
        case "user":
            return _split_results(parts)
        case _:
            raise WireError(f"{path}.role: must be user, assistant or system, not '{message.role}'")


def _split_results(parts: tuple[Part, ...]) -> list[Message]:
    """Tool results as `tool` messages, and what the user says around them as `user` messages."""
    messages: list[Message] = []
    run: list[Part] = []
    role: Literal["tool", "user"] = "user"
    for part in parts:
        part_role = "tool" if isinstance(part, ToolResult) else "user"
        if run and part_role != role:
            messages.append(Message(role, tuple(run)))
            run = []
        role = part_role
        run.append(part)
    if run:
        messages.append(Message(role, tuple(run)))
    return messages


def _decode_tools(raws: list[msgspec.Raw], extra: dict[str, object]) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    for position, raw in enumerate(raws):
        path = f"tools[{position}]"
        kind = parse(raw, _ToolKind, path=path)
        if kind.type not in (None, "", "custom"):
            tools.append(Tool(name=kind.name or kind.type, server=bytes(raw)))
            continue
        tool = parse(raw, _Tool, path=path)
        if not tool.name:
            raise WireError(f"{path}.name is required")
        members = parse(raw, dict[str, msgspec.Raw], path=path)
        for key in members.keys() - _KNOWN_IN_TOOL:
            per_tool = extra.setdefault(f"tools[].{key}", {})
            if isinstance(per_tool, dict):
                per_tool[tool.name] = _decode_any(members[key])
        tools.append(
            Tool(
                name=tool.name,
                description=tool.description or "",
                parameters=tool.input_schema or {},
                strict=tool.strict,
                cache=cache_to_core(tool.cache_control),
            )
        )
    return tuple(tools)


def _decode_choice(raw: msgspec.Raw) -> tuple[ToolChoice | None, bool | None]:
    if bytes(raw) == b"null":
        return None, None
    choice = parse(raw, _ToolChoice, path="tool_choice")
    parallel = None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use
    match choice.type:
        case "auto":
            return ToolChoice("auto"), parallel
        case "any":
            return ToolChoice("required"), parallel
        case "none":
            return ToolChoice("none"), parallel
        case "tool":
            return ToolChoice("named", choice.name), parallel
        case _:
            raise WireError(f"tool_choice.type: must be auto, any, tool or none, not '{choice.type}'")


def _decode_depth(
    wire: _Request, members: Members, *, extra: dict[str, object]
) -> tuple[ReasoningOptions | None, OutputFormat | None]:
    """Thinking and `output_config`: how deep the model thinks, and the form of its answer."""
    config = need_members(members.get("output_config") or {}, "output_config")
    raw_effort = text_or_none(config, "effort", path="output_config.")
    effort = _EFFORTS.get(raw_effort or "")
    if raw_effort is not None and effort is None:
        extra["output_config.effort"] = raw_effort
    for key in config.keys() - {"effort", "format"}:
        extra[f"output_config.{key}"] = config[key]
    return _decode_thinking(wire.thinking, members, effort=effort, extra=extra), _decode_format(config, extra)


def _decode_thinking(
    raw: msgspec.Raw, members: Members, *, effort: Effort | None, extra: dict[str, object]
) -> ReasoningOptions | None:
    if bytes(raw) == b"null":
        return None if effort is None else ReasoningOptions(effort=effort)
    thinking = parse(raw, _Thinking, path="thinking")
    given = need_members(members.get("thinking"), "thinking")
    for key in given.keys() - {"type", "budget_tokens", "display"}:
        extra[f"thinking.{key}"] = given[key]
    hidden = thinking.display == "omitted"
    if thinking.display is not None and not hidden:
        extra["thinking.display"] = thinking.display
    match thinking.type:
        case "enabled":
            return ReasoningOptions("on", effort, thinking.budget_tokens, hidden)
        case "adaptive":
            return ReasoningOptions("adaptive", effort, None, hidden)
        case "disabled":
            return ReasoningOptions("off", effort, None, hidden)
        case _:  # between_tools is the nearest to "off" that some models allow; others are not known yet
            extra["thinking.type"] = thinking.type
            mode = "off" if thinking.type == "between_tools" else None
            return ReasoningOptions(mode, effort, thinking.budget_tokens, hidden)


def _decode_format(config: Members, extra: dict[str, object]) -> OutputFormat | None:
    value = config.get("format")
    if value is None:
        return None
    wanted = need_members(value, "output_config.format")
    if wanted.get("type") != "json_schema":
        extra["output_config.format"] = value
        return None
    return OutputFormat("json_schema", need_members(wanted.get("schema"), "output_config.format.schema"))


def _decode_user(members: Members, extra: dict[str, object]) -> str:
    metadata = need_members(members.get("metadata") or {}, "metadata")
    for key in metadata.keys() - {"user_id"}:
        extra[f"metadata.{key}"] = metadata[key]
    return text_or_none(metadata, "user_id", path="metadata.") or ""
