"""For each name in `x-hostler-dropped` a request or a reply that has what it names, and how to see that it is kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hostler.core.messages import (
    Citation,
    Media,
    MediaKind,
    Message,
    Origin,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Reply, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.wire.dialects import PLAIN, Dialect

HI: Final = Message("user", (Text(text="hi"),))
PIXEL: Final = "iVBORw0KGgo="
_DATA: Final = {
    "image": ("image/png", PIXEL),
    "audio": ("audio/wav", "UklGRiQAAABXQVZF"),
    "video": ("video/mp4", "AAAAIGZ0eXBpc29t"),
    "document": ("application/pdf", "JVBERi0="),
}
FOREIGN: Final = b'{"type":"foreign","data":"S3CRET"}'
"""A block that no wire takes for its own."""
BOUND: Final = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
FUNCTION: Final = Tool(name="f", parameters={"type": "object", "properties": {}})
SERVER: Final = Tool(name="web_search", server=b'{"type":"web_search"}')


@dataclass(frozen=True, slots=True)
class Sample:
    """What a client asks for, and `seen`: how it shows in a request. `dialects`: where only a dialect loses it."""

    request: ChatRequest
    seen: Callable[[ChatRequest], object]
    dialects: Mapping[str, Dialect]

    def dialect(self, wire: str) -> Dialect:
        return self.dialects.get(wire, PLAIN)


def asking(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=messages or (HI,), **more)


def sampled(**given: Any) -> ChatRequest:
    return asking(sampling=Sampling(**given))


def saying(*parts: Part) -> ChatRequest:
    """An assistant's turn between two of the user's, with results for its calls."""
    results = tuple(ToolResult(call_id=p.id, content=(Text(text="r"),)) for p in parts if isinstance(p, ToolCall))
    behind = (Message("tool", results), HI) if results else (HI,)
    return asking(HI, Message("assistant", parts), *behind)


def parts_of(request: ChatRequest, *roles: str) -> list[Part]:
    return [part for message in request.messages if not roles or message.role in roles for part in message.parts]


def _attribute(kind: type, name: str) -> Callable[[ChatRequest], object]:
    return lambda request: [getattr(part, name) for part in parts_of(request) if isinstance(part, kind)]


def _never(_request: ChatRequest) -> object:
    """Nothing of it can be seen: every wire loses it."""
    raise AssertionError("no wire keeps this")


def _medium(kind: MediaKind) -> Sample:
    media_type, data = _DATA[kind]
    said = saying(Text(text="look"), Media(kind=kind, media_type=media_type, data=data))
    return Sample(said, lambda r: [p.kind for p in parts_of(r, "assistant") if isinstance(p, Media)], {})


def _sampling(name: str, value: object, **dialects: Dialect) -> Sample:
    return Sample(sampled(**{name: value}), lambda r: getattr(r.sampling, name), _wires(dialects))


def _wires(dialects: Mapping[str, Dialect]) -> dict[str, Dialect]:
    names = {"chat": OPENAI_CHAT, "responses": OPENAI_RESPONSES}
    return {names.get(name, name): dialect for name, dialect in dialects.items()}


def _field(field: str, request: ChatRequest, **dialects: Dialect) -> Sample:
    return Sample(request, lambda r: getattr(r, field), _wires(dialects))


def _thinking(options: ReasoningOptions, seen: str, **dialects: Dialect) -> Sample:
    return Sample(asking(reasoning=options), lambda r: getattr(r.reasoning, seen), _wires(dialects))


def _format(seen: str, form: OutputFormat, **dialects: Dialect) -> Sample:
    return Sample(asking(output_format=form), lambda r: getattr(r.output_format, seen), _wires(dialects))


def _tool(seen: str, *tools: Tool, **dialects: Dialect) -> Sample:
    return Sample(asking(tools=tools), lambda r: [getattr(tool, seen) for tool in r.tools], _wires(dialects))


_CALL: Final = ToolCall(id="c1", name="f", arguments="{}")
_ERROR: Final = asking(
    HI, Message("assistant", (_CALL,)), Message("tool", (ToolResult(call_id="c1", content=(), is_error=True),))
)
_MARKS: Final = tuple(Text(text=f"t{n}", cache="5m") for n in range(5))
_NO_SCHEMAS: Final = Dialect(json_schema=False)
_ONE_EFFORT: Final = Dialect(efforts=("low",))
_REFUSING: Final = Dialect(
    forbidden=(
        "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "user", "logit_bias",
        "logprobs", "top_logprobs", "messages[].name", "tools[].strict",
    )
)  # fmt: skip
_FREE: Final = Dialect(forced_tool_choice="never")
_ONE_BY_ONE: Final = Dialect(parallel_tool_calls=False)
_MID: Final = Dialect(mid_system=False)
_FUNCTIONS: Final = Dialect(custom_tools=False)
_NO_PREFILL: Final = Dialect(prefill="none")

SAMPLES: Final[dict[str, Sample]] = {
    "messages[].name": Sample(
        asking(Message("user", HI.parts, name="Ann")),
        lambda r: [m.name for m in r.messages],
        {OPENAI_CHAT: _REFUSING},
    ),
    "messages[].role": Sample(
        asking(HI, Message("system", (Text(text="Be brief."),)), HI),
        lambda r: [m.role for m in r.messages],
        dict.fromkeys((OPENAI_CHAT, ANTHROPIC, OLLAMA, DASHSCOPE), _MID),
    ),
    "messages[].reasoning": Sample(saying(Reasoning(text="hm", opaque=FOREIGN), Text(text="a")), _never, {}),
    "messages[].content[].opaque": Sample(saying(Text(text="a", opaque=FOREIGN)), _never, {}),
    "messages[].tool_calls[].opaque": Sample(saying(replace(_CALL, opaque=FOREIGN)), _never, {}),
    "messages[].tool_calls[].arguments": Sample(
        saying(replace(_CALL, arguments="{bad")), _attribute(ToolCall, "arguments"), {}
    ),
    "messages[].content[].is_error": Sample(_ERROR, _attribute(ToolResult, "is_error"), {}),
    "messages[].content[].filename": Sample(
        asking(Message("user", (Media(kind="image", media_type="image/png", data=PIXEL, name="a.png"),))), _never, {}
    ),
    "messages[].content[].image_url.detail": Sample(
        asking(Message("user", (Media(kind="image", media_type="image/png", data=PIXEL, detail="low"),))),
        _attribute(Media, "detail"),
        {},
    ),
    "messages[].cache_control": Sample(asking(Message("user", _MARKS)), _attribute(Text, "cache"), {}),
    "cache_control": _field("cache", asking(cache="5m")),
    "tools[].cache_control": _tool("cache", replace(FUNCTION, cache="5m")),
    "prompt_cache_key": _field("cache_key", asking(cache_key="k")),
    "messages[].image": _medium("image"),
    "messages[].audio": _medium("audio"),
    "messages[].video": _medium("video"),
    "messages[].document": _medium("document"),
    "messages[-1]": Sample(
        asking(HI, Message("assistant", (Text(text="It is"),))),
        lambda r: r.messages[-1],
        {OPENAI_CHAT: _NO_PREFILL, ANTHROPIC: _NO_PREFILL},
    ),
    "tool_choice": Sample(
        asking(tools=(FUNCTION, replace(FUNCTION, name="g")), tool_choice=ToolChoice("required")),
        lambda r: r.tool_choice,
        dict.fromkeys((OPENAI_CHAT, ANTHROPIC, GEMINI, OPENAI_RESPONSES), _FREE),
    ),
    "parallel_tool_calls": _field(
        "parallel_tool_calls",
        asking(tools=(FUNCTION,), parallel_tool_calls=False),
        chat=_ONE_BY_ONE, responses=_ONE_BY_ONE, anthropic=_ONE_BY_ONE, dashscope=_ONE_BY_ONE,
    ),
    "tools": _tool("name", FUNCTION),
    "tools[].strict": Sample(
        asking(tools=(replace(FUNCTION, strict=True), replace(FUNCTION, name="g"))),
        lambda r: [tool.strict is True for tool in r.tools],
        {OPENAI_CHAT: _REFUSING},
    ),
    "tools[].custom": _tool("custom", Tool(name="f", custom=True), chat=_FUNCTIONS, responses=_FUNCTIONS),
    "tools[].NAME": Sample(asking(tools=(SERVER, FUNCTION)), _never, {}),
    "tools[].parameters": Sample(
        asking(tools=(Tool(name="f", strict=True, parameters=BOUND),)),
        lambda r: "minimum" in str(r.tools[0].parameters),
        {},
    ),
    "thinking": _thinking(ReasoningOptions("on"), "hidden"),
    "thinking.budget_tokens": _thinking(
        ReasoningOptions("on", budget=4000), "budget", anthropic=Dialect(thinking_forms=("adaptive",))
    ),
    "thinking.display": _thinking(ReasoningOptions(effort="high", hidden=True), "hidden"),
    "reasoning_effort": Sample(
        asking(reasoning=ReasoningOptions(effort="minimal")),
        lambda r: r.reasoning is not None and r.reasoning.mode != "off",
        dict.fromkeys((OPENAI_CHAT, OPENAI_RESPONSES, GEMINI), _ONE_EFFORT),
    ),
    "response_format": _format("kind", OutputFormat("json_object")),
    "response_format.json_schema": _format(
        "kind", OutputFormat("json_schema", BOUND),
        chat=_NO_SCHEMAS, responses=_NO_SCHEMAS, anthropic=_NO_SCHEMAS, gemini=_NO_SCHEMAS, ollama=_NO_SCHEMAS,
        dashscope=_NO_SCHEMAS,
    ),
    "response_format.json_schema.description": _format(
        "description", OutputFormat("json_schema", BOUND, description="A number.")
    ),
    "response_format.json_schema.schema": _format("schema", OutputFormat("json_schema", BOUND)),
    "user": _field("user", asking(user="ann"), chat=_REFUSING),
    "max_tokens": _field("max_tokens", asking(max_tokens=3)),
    "temperature": _sampling("temperature", 1.7, chat=_REFUSING, responses=_REFUSING),
    "top_p": _sampling("top_p", 0.4, chat=_REFUSING, responses=_REFUSING, anthropic=_REFUSING),
    "top_k": _sampling("top_k", 7, chat=_REFUSING, anthropic=_REFUSING),
    "min_p": _sampling("min_p", 0.25, chat=_REFUSING),
    "seed": _sampling("seed", 5),
    "presence_penalty": _sampling("presence_penalty", 0.5, chat=_REFUSING),
    "frequency_penalty": _sampling("frequency_penalty", 0.5, chat=_REFUSING),
    "stop": _sampling("stop", ("a", "b", "c", "d", "e", " ")),
    "FIELD": Sample(asking(extra={"only_theirs": 1}), _never, {}),
}  # fmt: skip
"""By name. All are asked by a client of another wire than the upstream's."""

_OF_OWN: Final = {"logit_bias": {"5": 1}, "logprobs": True, "top_logprobs": 2}
OF_WIRE: Final[dict[tuple[str, str], Sample]] = {
    **{
        (OPENAI_CHAT, name): Sample(asking(wire=OPENAI_CHAT, extra={name: value}), _never, {OPENAI_CHAT: _REFUSING})
        for name, value in _OF_OWN.items()
    },
    (OPENAI_CHAT, "max_tokens"): _field("max_tokens", asking(max_tokens=0)),
    (ANTHROPIC, "tools[].cache_control"): _tool(
        "cache", *(replace(FUNCTION, name=f"f{n}", cache="5m") for n in range(5))
    ),
    (ANTHROPIC, "thinking"): _thinking(
        ReasoningOptions("off"), "mode", anthropic=Dialect(thinking_forms=("adaptive",))
    ),
    (DASHSCOPE, "thinking"): Sample(
        asking(tools=(FUNCTION,), tool_choice=ToolChoice("named", "f"), reasoning=ReasoningOptions("on")),
        _never,
        {DASHSCOPE: Dialect(forced_tool_choice="without-thinking")},
    ),
}
"""What one wire loses at another value than the rest, or only within itself."""


def sample_of(wire: str, name: str) -> Sample:
    """The sample of a name, asked by a client of another wire than `wire`."""
    sample = OF_WIRE.get((wire, name)) or SAMPLES[name]
    if sample.request.wire is not None:
        return sample
    theirs: Wire = OPENAI_RESPONSES if wire == ANTHROPIC else ANTHROPIC
    messages = tuple(
        Message(m.role, tuple(_by(part, theirs) for part in m.parts), m.name) for m in sample.request.messages
    )
    return replace(sample, request=replace(sample.request, wire=theirs, messages=messages))


def _by(part: Part, wire: Wire) -> Part:
    if isinstance(part, Text | Reasoning | ToolCall) and part.opaque is not None:
        return replace(part, origin=Origin("", wire, ""))
    return part


REPLIES: Final[dict[str, Reply]] = {
    "message.content[].opaque": Reply(parts=(Text(text="a", opaque=FOREIGN),), finish="stop"),
    "message.content[].citations": Reply(
        parts=(Text(text="a", citations=(Citation("https://a.example"),)),), finish="stop"
    ),
    "message.reasoning.opaque": Reply(parts=(Reasoning(text="hm", opaque=FOREIGN), Text(text="a")), finish="stop"),
    "message.tool_calls[].opaque": Reply(parts=(replace(_CALL, opaque=FOREIGN),), finish="tool_calls"),
    "message.tool_calls[].arguments": Reply(parts=(replace(_CALL, arguments="{bad"),), finish="tool_calls"),
    "message.tool_calls": Reply(parts=(_CALL,), finish="tool_calls"),
    "stop_details.category": Reply(parts=(Refusal(text="No."),), finish="refusal", finish_detail="cyber"),
    "stop_sequence": Reply(parts=(Text(text="a"),), finish="stop_sequence", stop_sequence="END"),
}
"""Replies by the name of what a client may not get of them."""
