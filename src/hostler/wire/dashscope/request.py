"""Requests of this wire, both ways: messages and parameters of its generation services. Knows no replies, no streams.

Facts: alibabacloud.com/help/en/model-studio/qwen-api-via-dashscope, /context-cache and the `dashscope` SDK 2.0. What
only this wire has goes to `ChatRequest.extra` under a path: `parameters.enable_search`. Whether a stream is wanted is
in a header (`X-DashScope-SSE: enable`), which is not seen here.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

import msgspec

from hostler.core.messages import (
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
from hostler.core.requests import ChatRequest, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import DASHSCOPE
from hostler.errors import Unsupported
from hostler.wire import fields
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.efforts import budget_of
from hostler.wire.fields import Members, as_text, need_items, need_members, need_text
from hostler.wire.free_text import without_free_text, wrapped
from hostler.wire.ids import ToolIds
from hostler.wire.json_mode import with_format_told
from hostler.wire.losses import lost_of_media, lost_of_request, lost_of_said
from hostler.wire.media_types import read_media
from hostler.wire.openai_content import in_words, read_content
from hostler.wire.openai_formats import read_response_format, write_response_format
from hostler.wire.openai_tools import read_tool_choice, read_tools
from hostler.wire.own_fields import own_extra
from hostler.wire.role_messages import RoleReader, Spoken, in_order
from hostler.wire.tool_offers import offer_tools

Json = dict[str, object]
HISTORY: Final = Origin("", DASHSCOPE, "")
"""Origin of what a client's history or a bare body holds: only the wire is known."""
CUMULATIVE: Final = "parameters.incremental_output"
"""The key of `extra` that is there, and false, where each piece of a stream should repeat all that came before."""

_NO_FREE_TEXT: Final = Dialect(custom_tools=False)
_NUMBERS: Final = ("temperature", "top_p", "presence_penalty")
_WHOLES: Final = ("top_k", "seed")
_SECTIONS: Final = ("input", "parameters")
_READ: Final = frozenset((
    *_NUMBERS, *_WHOLES, "max_tokens", "stop", "tools", "tool_choice", "parallel_tool_calls", "response_format",
    "enable_thinking", "thinking_budget", "result_format", "incremental_output", "stream",
))  # fmt: skip
_BOUNDED: Final = ("minimal", "low", "medium")
"""Efforts that become a budget; from high on the model's own bound is best, as it differs by model."""
_KINDS: Final[tuple[MediaKind, ...]] = ("image", "audio", "video")
_UPLOADED: Final = ("oss://", "fileid://")
_MOST_MARKS: Final = 4
"""Breakpoints of the prompt cache that a request may have."""


def decode_request(body: bytes) -> ChatRequest:
    """The request that a client posted; raises WireError that names the place."""
    members = fields.parse_object(body)
    given = need_members(members.get("input"), "input")
    parameters = need_members(members.get("parameters") or {}, "parameters")
    extra: Json = {key: value for key, value in members.items() if key not in ("model", "input", "parameters")}
    extra |= {f"input.{key}": value for key, value in given.items() if key not in ("messages", "prompt")}
    extra |= {f"parameters.{key}": value for key, value in parameters.items() if key not in _READ}
    incremental = fields.flag_or_none(parameters, "incremental_output", path="parameters.")
    if not incremental:
        extra[CUMULATIVE] = False
    limit = fields.whole_or_none(parameters, "max_tokens", path="parameters.")
    return ChatRequest(
        model=need_text(members.get("model"), "model"),
        messages=_read_messages(given),
        tools=read_tools(parameters),
        tool_choice=read_tool_choice(parameters),
        parallel_tool_calls=fields.flag_or_none(parameters, "parallel_tool_calls", path="parameters."),
        max_tokens=limit,
        sampling=_read_sampling(parameters, extra),
        reasoning=_read_thinking(parameters),
        output_format=read_response_format(parameters.get("response_format"), "parameters.response_format"),
        stream=incremental or fields.flag_or_none(parameters, "stream", path="parameters.") or False,
        include_usage=True,
        wire=DASHSCOPE,
        extra=extra,
    )


def _read_sampling(parameters: Members, extra: Json) -> Sampling:
    stop = parameters.get("stop")
    stops = [stop] if isinstance(stop, str) else [] if stop is None else need_items(stop, "parameters.stop")
    if not all(isinstance(item, str) for item in stops):  # tokens, which only this vendor knows
        extra["parameters.stop"], stops = stop, []
    return Sampling(
        **{name: fields.number_or_none(parameters, name, path="parameters.") for name in _NUMBERS},
        **{name: fields.whole_or_none(parameters, name, path="parameters.") for name in _WHOLES},
        stop=tuple(as_text(item) for item in stops),
    )


def _read_thinking(parameters: Members) -> ReasoningOptions | None:
    enabled = fields.flag_or_none(parameters, "enable_thinking", path="parameters.")
    budget = fields.whole_or_none(parameters, "thinking_budget", path="parameters.")
    if enabled is None and budget is None:
        return None
    return ReasoningOptions("off" if enabled is False else "on", budget=budget)


def _read_messages(given: Members) -> tuple[Message, ...]:
    if given.get("messages") is None:  # the form of before
        return (Message("user", (Text(text=need_text(given.get("prompt"), "input.messages")),)),)
    return RoleReader(HISTORY, "reasoning_content", _read_spoken).read(given["messages"], "input.messages")


def _read_spoken(members: Members, path: str) -> tuple[Spoken, ...]:
    return _read_content(members.get("content"), f"{path}.content")


def _read_content(value: object, path: str) -> tuple[Text | Refusal | Media, ...]:
    """A text, or parts, each under the name of its kind; parts in the compatible interface's form are read too."""
    if not isinstance(value, list):
        return read_content(value, path)
    parts: list[Text | Refusal | Media] = []
    for index, item in enumerate(cast("list[object]", value)):
        part = need_members(item, f"{path}[{index}]")
        if "type" in part and part["type"] != "text":
            parts += read_content([item], f"{path}[{index}]")
        else:
            parts += _read_part(part, f"{path}[{index}]")
    return tuple(parts)


def _read_part(part: Members, path: str) -> list[Text | Media]:
    cache = "5m" if part.get("cache_control") is not None else None
    for kind in _KINDS:
        value = part.get(kind)
        if isinstance(value, list):  # a film as its pictures
            pictures = enumerate(cast("list[object]", value))
            return [_read_file(need_text(item, f"{path}.{kind}[{i}]"), "image") for i, item in pictures]
        if value is not None:
            return [replace(_read_file(need_text(value, f"{path}.{kind}"), kind), cache=cache)]
    text = need_text(part.get("text"), f"{path}.text")
    return [Text(text=text, cache=cache)] if text else []


def _read_file(value: str, kind: MediaKind) -> Media:
    if value.startswith(_UPLOADED):
        return Media(kind=kind, file_id=value, origin=HISTORY)
    return read_media(value, kind)


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `request`, and what had to be left out. Raises Unsupported."""
    writer = _Writer(request, dialect.of(request.model))
    body: Json = {"model": request.model, "input": {"messages": writer.messages()}}
    body["parameters"] = writer.parameters(body)
    return Encoded(msgspec.json.encode(body), tuple(sorted(writer.dropped)))


class _Writer:
    """Writes one request; `dropped` names what the wire or the dialect cannot say."""

    def __init__(self, request: ChatRequest, dialect: Dialect) -> None:
        self._dialect = dialect
        self._ids = ToolIds(dialect.tool_id_pattern)
        request = with_format_told(request, dialect, wire=DASHSCOPE)
        self._request, lost = without_free_text(request, _NO_FREE_TEXT)
        self._messages, self.dropped = in_order(self._request, dialect, spelled=self._ids.to_wire)
        self.dropped |= lost
        parts = _flat(self._messages)
        self._in_parts = any(isinstance(part, Media) for part in parts)
        marks = [part for part in parts if isinstance(part, Text | Media) and part.cache is not None]
        self._marked = bool(marks)
        self._unmarked = len(marks) - _MOST_MARKS  # the first ones go: the last one covers most

    def messages(self) -> list[Json]:
        """All messages, in their order."""
        return [self._message(message) for message in self._messages]

    def _message(self, message: Message) -> Json:
        result = message.parts[0] if message.parts else None
        return self._result(result) if isinstance(result, ToolResult) else self._spoken(message)

    def _spoken(self, message: Message) -> Json:
        content = self._content(message.parts, "" if message.role == "assistant" else "\n\n")
        written: Json = {"role": message.role, "content": content}
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        thinking = [part for part in message.parts if isinstance(part, Reasoning)]
        shown = "\n\n".join(part.text for part in thinking if self._goes_back(part, calls=bool(calls)) and part.text)
        if shown:
            written["reasoning_content"] = shown
        if calls:
            written["tool_calls"] = [self._call(call) for call in calls]
        return written

    def _goes_back(self, part: Reasoning, *, calls: bool) -> bool:
        """The vendor wants no thinking back, and bills it; a dialect may want it."""
        if part.opaque is None and self._dialect.wants_thinking(calls=calls):
            return True
        self.dropped.add("messages[].reasoning")
        return False

    def _content(self, parts: Sequence[Part], between: str = "\n\n") -> str | list[Json]:
        written: list[Json] = []
        for part in parts:
            if isinstance(part, Text) and part.opaque is not None:
                self.dropped.add("messages[].content[].opaque")
            if isinstance(part, Text | Refusal) and part.text:
                written.append({"text": part.text, **self._mark(part)})
            elif isinstance(part, Media):
                self.dropped |= lost_of_media(part)
                written.append({**_write_media(part, self._request), **self._mark(part)})
        if not self._in_parts and not (self._marked and any("cache_control" in part for part in written)):
            return between.join(str(part["text"]) for part in written)
        return written or [{"text": ""}]

    def _mark(self, part: Text | Refusal | Media) -> Json:
        if isinstance(part, Refusal) or part.cache is None:
            return {}
        self._unmarked -= 1
        if self._unmarked >= 0 or part.cache == "1h":  # there are four, of five minutes each
            self.dropped.add("messages[].cache_control")
        return {} if self._unmarked >= 0 else {"cache_control": {"type": "ephemeral"}}

    def _result(self, result: ToolResult) -> Json:
        self.dropped |= lost_of_said(result)
        id_ = self._ids.to_wire(result.call_id)
        return {"role": "tool", "tool_call_id": id_, "content": self._content(result.content)}

    def _call(self, call: ToolCall) -> Json:
        self.dropped |= lost_of_said(call)
        arguments = wrapped(call.arguments) if call.custom else call.arguments or "{}"
        function = {"name": call.name, "arguments": arguments}
        return {"id": self._ids.to_wire(call.id), "type": "function", "function": function}

    def parameters(self, body: Json) -> Json:
        """All that a request says beside its messages; what belongs beside `parameters` goes to `body`."""
        request, dialect = self._request, self._dialect
        limit = dialect.max_tokens_default if request.max_tokens is None else request.max_tokens
        parameters: Json = {
            "result_format": "message",
            "max_tokens": limit,
            "stop": list(request.sampling.stop) or None,
        }
        parameters |= {name: getattr(request.sampling, name) for name in (*_NUMBERS, *_WHOLES)}
        if request.output_format is not None:
            parameters["response_format"] = write_response_format(request.output_format, dialect, dropped=self.dropped)
        parameters |= self._tools(parameters)
        if request.stream or dialect.stream_only:
            parameters["incremental_output"] = dialect.incremental_output
        parameters |= {theirs: parameters.pop(name) for name, theirs in dialect.renamed if name in parameters}
        parameters |= dialect.constants
        self._extra(parameters, body)
        self.dropped |= {name for name in ("min_p", "frequency_penalty") if getattr(request.sampling, name)}
        self.dropped |= lost_of_request(request)
        if request.parallel_tool_calls is not None and not dialect.parallel_tool_calls:
            self.dropped.add("parallel_tool_calls")
        self.dropped |= {name for name in dialect.forbidden if parameters.get(name) is not None}
        return {name: v for name, v in parameters.items() if v is not None and name not in dialect.forbidden}

    def _tools(self, parameters: Json) -> Json:
        """Tools, their choice, and thinking: some models do not think where a call is forced."""
        request = self._request
        reasoning = request.reasoning or ReasoningOptions()
        tools, choice = offer_tools(request, self._dialect, wire=DASHSCOPE, dropped=self.dropped)
        if choice is not None:
            tools = tuple(tool for tool in tools if tool.name in choice.allowed) or tools
        if choice is not None and choice.mode == "required":  # there is no such word; one tool alone can be named
            choice = ToolChoice("named", tools[0].name) if len(tools) == 1 else ToolChoice()
            self.dropped |= {"tool_choice"} if choice.mode == "auto" else set()
        if choice is not None and choice.mode == "named" and self._dialect.forced_tool_choice == "without-thinking":
            self.dropped |= {"thinking"} if request.reasoning and reasoning.mode != "off" else set()
            reasoning = ReasoningOptions("off")
        parameters |= self._thinking(reasoning)
        if not tools:
            return {}
        named = {"type": "function", "function": {"name": choice.name}} if choice and choice.mode == "named" else None
        return {
            "tools": [self._tool(tool) for tool in tools],
            "tool_choice": named or (choice and choice.mode),
            "parallel_tool_calls": request.parallel_tool_calls if self._dialect.parallel_tool_calls else None,
        }

    def _tool(self, tool: Tool) -> Json | msgspec.Raw:
        if tool.server is not None:
            return msgspec.Raw(tool.server)
        self.dropped |= {"tools[].cache_control"} if tool.cache is not None else set()
        self.dropped |= {"tools[].strict"} if tool.strict is True else set()
        schema = tool.parameters or {"type": "object", "properties": {}}
        described: Json = {"name": tool.name, "description": tool.description, "parameters": schema}
        return {"type": "function", "function": described}

    def _thinking(self, options: ReasoningOptions) -> Json:
        self.dropped |= {"thinking.display"} if options.hidden else set()
        if options.mode == "off" or options.effort == "none":
            return {"enable_thinking": False}
        budget = options.budget or (budget_of(options.effort) if options.effort in _BOUNDED else None)
        if options.effort is None and budget is None and options.mode != "on":
            return {}
        return {"enable_thinking": True, "thinking_budget": budget}

    def _extra(self, parameters: Json, body: Json) -> None:
        for section, name, value in own_extra(self._request, DASHSCOPE, sections=_SECTIONS, dropped=self.dropped):
            if not section:
                body.setdefault(name, value)
            elif f"{section}.{name}" != CUMULATIVE:
                (parameters if section == "parameters" else cast("Json", body["input"])).setdefault(name, value)


def _flat(messages: Sequence[Message]) -> list[Part]:
    parts = [part for message in messages for part in message.parts]
    return [*parts, *(inner for part in parts if isinstance(part, ToolResult) for inner in part.content)]


def _write_media(part: Media, request: ChatRequest) -> Json:
    if part.text is not None:
        return {"text": in_words(part.text, part.name)}
    ours = (part.origin.wire if part.origin else request.wire) == DASHSCOPE
    if part.kind == "document" or (part.file_id is not None and not ours):
        hint = "It takes images, sound and films as base64 data or by URL, and documents as text."
        raise Unsupported(f"This model's interface does not take this {part.kind}.", hint=hint)
    inline = f"data:{part.media_type or f'{part.kind}/*'};base64,{part.data}"
    return {part.kind: part.file_id or part.url or inline}
