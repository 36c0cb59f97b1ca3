"""A `ChatRequest`, written as a chat request's body within one dialect. Knows fields and bridges; knows no messages.

What a dialect refuses is left out and named; what it can say in another way is bridged.
"""

from collections.abc import Sequence

import msgspec

from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import OPENAI_CHAT
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.efforts import effort_word
from hostler.wire.fields import as_members
from hostler.wire.openai_chat.content_out import Json
from hostler.wire.openai_chat.messages_out import MessagesWriter
from hostler.wire.tool_offers import offer_tools


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `request`, and what had to be left out."""
    messages = MessagesWriter(dialect)
    for message in request.messages:
        messages.write(message)
    body: Json = {"model": request.model, "messages": messages.finish()}
    writer = _FieldsWriter(request, dialect, body=body, dropped=messages.dropped)
    writer.write()
    return Encoded(msgspec.json.encode(body), tuple(sorted(writer.dropped)))


class _FieldsWriter:
    """Writes all top-level fields but the messages into `body`."""

    def __init__(self, request: ChatRequest, dialect: Dialect, *, body: Json, dropped: set[str]) -> None:
        self.dropped = dropped
        self._request = request
        self._dialect = dialect
        self._body = body

    def write(self) -> None:
        request, body = self._request, self._body
        limit = self._dialect.max_tokens_default if request.max_tokens is None else request.max_tokens
        if limit is not None:
            body[self._dialect.max_tokens_field] = limit
        self._sampling(request.sampling)
        self._tools()
        if request.reasoning is not None:
            self._reasoning(request.reasoning)
        if request.output_format is not None:
            self._format(request.output_format)
        if request.user:
            body["user"] = request.user
        self._extra()
        self._stream()
        for name in self._dialect.forbidden:
            if name in body:
                del body[name]
                self.dropped.add(name)

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
        if request.parallel_tool_calls is not None:
            if offered and self._dialect.parallel_tool_calls:
                body["parallel_tool_calls"] = request.parallel_tool_calls
            else:
                self.dropped.add("parallel_tool_calls")

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
        described["parameters"] = tool.parameters or {"type": "object", "properties": {}}
        if tool.strict is not None:
            if "tools[].strict" in self._dialect.forbidden:
                self.dropped.add("tools[].strict")
            else:
                described["strict"] = tool.strict
        return {"type": "function", "function": described}

    def _reasoning(self, reasoning: ReasoningOptions) -> None:
        if reasoning.hidden:
            self.dropped.add("thinking.display")
        effort, dropped = effort_word(reasoning, self._dialect, name="reasoning_effort")
        self.dropped |= dropped
        if effort is not None:
            self._body["reasoning_effort"] = effort

    def _format(self, asked: OutputFormat) -> None:
        if asked.kind == "json_object" or not self._dialect.json_schema:
            self._body["response_format"] = {"type": "json_object"}
            if asked.kind == "json_schema":
                self.dropped.add("response_format.json_schema")
            return
        described: Json = {"name": asked.name or "reply"}
        if asked.schema is not None:
            described["schema"] = asked.schema
        if asked.strict is not None:
            described["strict"] = asked.strict
        if asked.description:
            described["description"] = asked.description
        self._body["response_format"] = {"type": "json_schema", "json_schema": described}

    def _extra(self) -> None:
        if self._request.wire == OPENAI_CHAT:
            for name, value in self._request.extra.items():
                self._body.setdefault(name, value)
        else:
            self.dropped.update(self._request.extra)

    def _stream(self) -> None:
        options: Json = dict(as_members(self._body.pop("stream_options", None)))
        if not self._request.stream:
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
