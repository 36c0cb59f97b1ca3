"""A `ChatRequest`, written as a chat request's body within one dialect. Knows fields and bridges; knows no messages.

What a dialect refuses is left out and named; what it can say in another way is bridged.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from hostler.core.messages import ToolCall
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import OPENAI_CHAT
from hostler.wire import schemas
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.fields import Members, as_members
from hostler.wire.free_text import without_free_text
from hostler.wire.json_mode import with_format_told
from hostler.wire.losses import lost_of_extra
from hostler.wire.openai_chat.content_out import Json
from hostler.wire.openai_chat.messages_out import MessagesWriter
from hostler.wire.openai_chat.thinking import is_on, write_thinking
from hostler.wire.tool_offers import offer_tools, write_parallel

_NO_ARGUMENTS: Final[Members] = {"type": "object", "properties": {}}
_encode = msgspec.json.Encoder().encode


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `request`, and what had to be left out."""
    dialect = dialect.of(request.model)
    request, lost = without_free_text(with_format_told(request, dialect, wire=OPENAI_CHAT), dialect)
    messages = MessagesWriter(dialect, tool_turns=_tool_turns(request, dialect))
    for message in request.messages:
        messages.write(message)
    body: Json = {"model": request.model, "messages": messages.finish()}
    writer = _FieldsWriter(request, dialect, body=body, dropped=messages.dropped | lost)
    writer.write()
    return Encoded(_encode(body), tuple(sorted(writer.dropped)))


def _tool_turns(request: ChatRequest, dialect: Dialect) -> bool:
    """Whether answers go back with their thinking where a vendor demands it of conversations with tools.

    Not only those that call: all that a vendor said while it thought between calls.
    """
    if dialect.reasoning_back != "tool-turns" or is_on(request.reasoning) is False:
        return False
    return bool(request.tools) or any(isinstance(part, ToolCall) for m in request.messages for part in m.parts)


class _FieldsWriter:
    """Writes all top-level fields but the messages into `body`."""

    def __init__(self, request: ChatRequest, dialect: Dialect, *, body: Json, dropped: set[str]) -> None:
        self.dropped = dropped
        self._request = request
        self._dialect = dialect
        self._body = body

    def write(self) -> None:
        request, body = self._request, self._body
        self._limit()
        self._sampling(request.sampling)
        self._extra()
        self._tools()
        reasoning = self._unforced(request.reasoning)
        if reasoning is not None:
            self.dropped |= write_thinking(reasoning, self._dialect, body=body)
        if request.output_format is not None:
            self._format(request.output_format)
        if request.user:
            body["user"] = request.user
        self._cache()
        self._stream()
        self.dropped |= self._dialect.depart(body)

    def _limit(self) -> None:
        limit = self._request.max_tokens
        if limit is None:
            limit = self._dialect.max_tokens_default
        if limit is not None:
            if limit < 1:  # a wire that may only fill its cache asks for no tokens at all
                self.dropped.add("max_tokens")
            self._body[self._dialect.max_tokens_field] = max(limit, 1)

    def _unforced(self, reasoning: ReasoningOptions | None) -> ReasoningOptions | None:
        """The same, or no thinking where none goes with a call that is forced: the call matters more."""
        choice = self._body.get("tool_choice")
        forced = isinstance(choice, dict) or choice == "required"
        if not forced or self._dialect.forced_tool_choice != "without-thinking":
            return reasoning
        if is_on(reasoning):
            self.dropped.add("thinking")
        return ReasoningOptions("off")

    def _cache(self) -> None:
        request, marks = self._request, self._dialect.cache_marks
        if request.cache_key:
            self._body["prompt_cache_key"] = request.cache_key
        if request.cache is None:
            return
        long = request.cache == "1h"
        match marks:
            case "breakpoint":
                options = as_members(self._body.get("prompt_cache_options"))
                self._body["prompt_cache_options"] = {**options, "mode": "implicit", "ttl": "12h" if long else "30m"}
            case "cache_control":
                kind: Json = {"type": "ephemeral"}
                self._body["cache_control"] = {**kind, "ttl": "1h"} if long else kind
            case "none":
                self.dropped.add("cache_control")

    def _sampling(self, sampling: Sampling) -> None:
        given: Json = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "seed": sampling.seed,
            "presence_penalty": sampling.presence_penalty,
            "frequency_penalty": sampling.frequency_penalty,
        }
        self._body.update((name, value) for name, value in given.items() if value is not None)
        if sampling.stop:
            self._body["stop"] = list(sampling.stop)

    def _tools(self) -> None:
        request, body = self._request, self._body
        offered, choice = offer_tools(request, self._dialect, wire=OPENAI_CHAT, dropped=self.dropped)
        if choice is not None:
            named = choice.mode == "named" or choice.allowed
            body["tool_choice"] = _choice_object(choice, offered) if named else choice.mode
        if offered:
            body["tools"] = [self._tool(tool) for tool in offered]
        body |= write_parallel(request, self._dialect, offered=bool(offered), dropped=self.dropped)

    def _tool(self, tool: Tool) -> Json | msgspec.Raw:
        if tool.cache is not None:
            self.dropped.add("tools[].cache_control")
        if tool.server is not None:
            return msgspec.Raw(tool.server)
        described: Json = {"name": tool.name}
        if tool.description:
            described["description"] = tool.description
        if tool.custom:
            if tool.parameters:
                described["format"] = tool.parameters
            return {"type": "custom", "custom": described}
        strict = tool.strict
        if strict is not None and "tools[].strict" in self._dialect.forbidden:
            self.dropped.add("tools[].strict")
            strict = None
        described["parameters"] = self._schema(tool.parameters or _NO_ARGUMENTS, strict=strict)
        if strict is not None:
            described["strict"] = strict
        return {"type": "function", "function": described}

    def _format(self, asked: OutputFormat) -> None:
        if asked.kind == "json_object" or not self._dialect.json_schema:
            self._body["response_format"] = {"type": "json_object"}
            if asked.kind == "json_schema":
                self.dropped.add("response_format.json_schema")
            return
        described: Json = {"name": asked.name or "reply"}
        if asked.schema is not None:
            described["schema"] = self._schema(asked.schema, strict=asked.strict)
        if asked.strict is not None:
            described["strict"] = asked.strict
        if asked.description:
            described["description"] = asked.description
        self._body["response_format"] = {"type": "json_schema", "json_schema": described}

    def _schema(self, schema: Members, *, strict: bool | None) -> Members:
        if self._dialect.inline_refs:
            schema = schemas.inlined(schema)
        return schemas.strict(schema) if strict and self._dialect.strict_schemas else schema

    def _extra(self) -> None:
        if self._request.wire == OPENAI_CHAT:
            for name, value in self._request.extra.items():
                self._body.setdefault(name, value)
        else:
            self.dropped |= lost_of_extra(self._request)

    def _stream(self) -> None:
        options: Json = dict(as_members(self._body.pop("stream_options", None)))
        if not (self._request.stream or self._dialect.stream_only):
            return
        self._body["stream"] = True
        if self._dialect.stream_usage:
            options["include_usage"] = True  # always: the ledger needs it, and the encoder knows who asked
        if options:
            self._body["stream_options"] = options


def _choice_object(choice: ToolChoice, offered: Sequence[Tool]) -> Json:
    custom = {tool.name for tool in offered if tool.custom}

    def reference(name: str) -> Json:
        kind = "custom" if name in custom else "function"
        return {"type": kind, kind: {"name": name}}

    if choice.mode == "named":
        return reference(choice.name)
    tools = [reference(name) for name in choice.allowed]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}
