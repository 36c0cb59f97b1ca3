"""A `ChatRequest`, written as a chat request's body within one dialect. Knows fields and bridges; knows no messages.

What a dialect refuses is left out and named; what it can say in another way is bridged.
"""

from typing import Final

import msgspec

from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import OPENAI_CHAT
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.fields import as_members
from hostler.wire.openai_chat.content_out import Json
from hostler.wire.openai_chat.messages_out import MessagesWriter
from hostler.wire.openai_chat.request_in import EFFORTS

_BUDGETS: Final = ((2048, "low"), (8192, "medium"))
"""Thinking budgets in tokens up to which an effort is the nearest word; above the last one it is high."""


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `request`, and what had to be left out."""
    messages = MessagesWriter(dialect)
    for message in request.messages:
        messages.write(message)
    written = messages.finish()
    dropped = messages.dropped
    body: Json = {"model": request.model, "messages": written}
    _write_limits(body, request, dialect)
    _write_sampling(body, request.sampling)
    _write_tools(body, request, dialect, dropped)
    _write_reasoning(body, request.reasoning, dialect, dropped)
    _write_format(body, request.output_format, dialect, dropped)
    if request.user:
        body["user"] = request.user
    _write_extra(body, request, dropped)
    _write_stream(body, request, dialect)
    for name in dialect.forbidden:
        if name in body:
            del body[name]
            dropped.add(name)
    return Encoded(msgspec.json.encode(body), tuple(sorted(dropped)))


def _write_limits(body: Json, request: ChatRequest, dialect: Dialect) -> None:
    limit = dialect.max_tokens_default if request.max_tokens is None else request.max_tokens
    if limit is not None:
        body[dialect.max_tokens_field] = limit


def _write_sampling(body: Json, sampling: Sampling) -> None:
    given: Json = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    body.update((name, value) for name, value in given.items() if value is not None)
    if sampling.stop:
        body["stop"] = list(sampling.stop)


def _write_tools(body: Json, request: ChatRequest, dialect: Dialect, dropped: set[str]) -> None:
    choice = request.tool_choice
    offered: list[Tool] = []
    for tool in request.tools:
        if tool.server is not None and request.wire != OPENAI_CHAT:
            dropped.add(f"tools[].{tool.name}")
        else:
            offered.append(tool)
    if choice is not None:
        offered = _bridged(body, choice, offered, dialect=dialect, dropped=dropped)
    if not offered:
        if "tool_choice" in body and body.pop("tool_choice") not in ("auto", "none"):
            dropped.add("tool_choice")
        if request.parallel_tool_calls is not None:
            dropped.add("parallel_tool_calls")
        return
    body["tools"] = [_tool(tool, dialect, dropped) for tool in offered]
    if request.parallel_tool_calls is not None:
        if dialect.parallel_tool_calls:
            body["parallel_tool_calls"] = request.parallel_tool_calls
        else:
            dropped.add("parallel_tool_calls")


def _bridged(body: Json, choice: ToolChoice, offered: list[Tool], *, dialect: Dialect, dropped: set[str]) -> list[Tool]:
    """Write `tool_choice` as the dialect can say it; returns the tools that may still be offered beside it."""
    wanted = {choice.name} if choice.mode == "named" else set(choice.allowed)
    as_object = bool(wanted)
    if as_object and not (dialect.named_tool_choice and dialect.tool_choice):
        named = [tool for tool in offered if tool.name in wanted]
        offered, as_object = named or offered, False
    if not dialect.tool_choice:
        if choice.mode in ("required", "named"):
            dropped.add("tool_choice")
        return [] if choice.mode == "none" else offered
    if as_object:
        body["tool_choice"] = _choice_object(choice, offered)
    else:
        body["tool_choice"] = "required" if choice.mode == "named" else choice.mode
    return offered


def _choice_object(choice: ToolChoice, offered: list[Tool]) -> Json:
    custom = {tool.name for tool in offered if tool.custom}

    def reference(name: str) -> Json:
        kind = "custom" if name in custom else "function"
        return {"type": kind, kind: {"name": name}}

    if choice.mode == "named":
        return reference(choice.name)
    tools = [reference(name) for name in choice.allowed]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}


def _tool(tool: Tool, dialect: Dialect, dropped: set[str]) -> Json | msgspec.Raw:
    if tool.cache is not None:
        dropped.add("tools[].cache_control")
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
        if "tools[].strict" in dialect.forbidden:
            dropped.add("tools[].strict")
        else:
            described["strict"] = tool.strict
    return {"type": "function", "function": described}


def _write_reasoning(body: Json, reasoning: ReasoningOptions | None, dialect: Dialect, dropped: set[str]) -> None:
    if reasoning is None:
        return
    effort: str | None = reasoning.effort
    if effort is None and reasoning.mode == "off":
        effort = "none"
    if effort is None and reasoning.budget is not None:
        effort = next((word for bound, word in _BUDGETS if reasoning.budget <= bound), "high")
        dropped.add("thinking.budget_tokens")
    if reasoning.hidden:
        dropped.add("thinking.display")
    if effort is None:
        if reasoning.mode is not None:
            dropped.add("thinking")
        return
    if effort not in dialect.efforts:
        dropped.add("reasoning_effort")
    nearest = _nearest(effort, dialect.efforts)
    if nearest is not None:
        body["reasoning_effort"] = nearest


def _nearest(effort: str, known: tuple[str, ...]) -> str | None:
    rank = EFFORTS.index(effort)
    below = [word for word in EFFORTS[: rank + 1] if word in known]
    above = [word for word in EFFORTS[rank:] if word in known]
    return below[-1] if below else above[0] if above else None


def _write_format(body: Json, asked: OutputFormat | None, dialect: Dialect, dropped: set[str]) -> None:
    if asked is None:
        return
    if asked.kind == "json_object" or not dialect.json_schema:
        body["response_format"] = {"type": "json_object"}
        if asked.kind == "json_schema":
            dropped.add("response_format.json_schema")
        return
    described: Json = {"name": asked.name or "reply"}
    if asked.schema is not None:
        described["schema"] = asked.schema
    if asked.strict is not None:
        described["strict"] = asked.strict
    if asked.description:
        described["description"] = asked.description
    body["response_format"] = {"type": "json_schema", "json_schema": described}


def _write_extra(body: Json, request: ChatRequest, dropped: set[str]) -> None:
    if request.wire == OPENAI_CHAT:
        for name, value in request.extra.items():
            body.setdefault(name, value)
    else:
        dropped.update(request.extra)


def _write_stream(body: Json, request: ChatRequest, dialect: Dialect) -> None:
    options: Json = dict(as_members(body.pop("stream_options", None)))
    if not request.stream:
        return
    body["stream"] = True
    if dialect.stream_usage:
        options["include_usage"] = True  # always: the ledger needs it, and the encoder knows who asked
    if options:
        body["stream_options"] = options
