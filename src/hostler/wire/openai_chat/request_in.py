"""A chat request's body, read into a `ChatRequest`. Knows the top-level fields; leaves the rest in `extra`."""

from typing import Final, cast

from hostler.core.messages import CacheMark
from hostler.core.requests import ChatRequest, OutputFormat, Sampling
from hostler.core.wires import OPENAI_CHAT
from hostler.errors import WireError
from hostler.wire.fields import (
    Members,
    as_items,
    as_members,
    flag_or_none,
    need_items,
    need_members,
    need_text,
    number_or_none,
    parse_object,
    text_or_none,
    whole_or_none,
)
from hostler.wire.openai_chat.messages_in import read_messages
from hostler.wire.openai_chat.thinking import FIELDS, read_thinking
from hostler.wire.openai_tools import read_tool_choice, read_tools

_READ: Final = frozenset(
    {
        "model", "messages", "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls",
        "max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty",
        "frequency_penalty", "stop", "response_format", "json_schema", "stream", "stream_options", "user",
        "safety_identifier", "prompt_cache_key", "prompt_cache_options", "cache_control",
    }
) | FIELDS  # fmt: skip
"""Fields that have a place of their own in a `ChatRequest`."""


def decode_request(body: bytes) -> ChatRequest:
    """The request that `body` is; raises WireError naming the place of what is wrong."""
    members = parse_object(body)
    extra = {key: value for key, value in members.items() if key not in _READ}
    if b'"prompt_cache_breakpoint"' in body and as_members(members.get("prompt_cache_options")).get("ttl") == "12h":
        _inherit_ttl(members)
    limit = whole_or_none(members, "max_completion_tokens")
    options = as_members(members.get("stream_options"))
    other_options = {key: value for key, value in options.items() if key != "include_usage"}
    if other_options:
        extra["stream_options"] = other_options
    return ChatRequest(
        model=need_text(members.get("model"), "model"),
        messages=read_messages(members.get("messages"), body),
        tools=read_tools(members),
        tool_choice=read_tool_choice(members),
        parallel_tool_calls=flag_or_none(members, "parallel_tool_calls"),
        max_tokens=whole_or_none(members, "max_tokens") if limit is None else limit,
        sampling=_sampling(members),
        reasoning=read_thinking(members, extra),
        output_format=_output_format(members, extra),
        stream=flag_or_none(members, "stream") or False,
        include_usage=flag_or_none(options, "include_usage", path="stream_options.") or False,
        user=text_or_none(members, "user") or text_or_none(members, "safety_identifier") or "",
        cache=_cache(members, extra),
        cache_key=text_or_none(members, "prompt_cache_key") or "",
        wire=OPENAI_CHAT,
        extra=extra,
    )


def _sampling(members: Members) -> Sampling:
    return Sampling(
        temperature=number_or_none(members, "temperature"),
        top_p=number_or_none(members, "top_p"),
        top_k=whole_or_none(members, "top_k"),
        min_p=number_or_none(members, "min_p"),
        seed=whole_or_none(members, "seed"),
        presence_penalty=number_or_none(members, "presence_penalty"),
        frequency_penalty=number_or_none(members, "frequency_penalty"),
        stop=_stop(members.get("stop")),
    )


def _stop(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(need_text(item, f"stop[{index}]") for index, item in enumerate(need_items(value, "stop")))


def _inherit_ttl(members: Members) -> None:
    """Give the request's time to live to the breakpoints that name none of their own, as is published."""
    for message in as_items(members.get("messages")):
        for part in as_items(as_members(message).get("content")):
            mark = as_members(part).get("prompt_cache_breakpoint")
            if isinstance(mark, dict):
                cast("dict[str, object]", mark).setdefault("ttl", "12h")


def _cache(members: Members, extra: dict[str, object]) -> CacheMark | None:
    """The breakpoint that the vendor shall choose: in the published form, or as several took it over from another."""
    options = as_members(members.get("prompt_cache_options"))
    rest = {key: value for key, value in options.items() if key not in ("mode", "ttl")}
    if options.get("mode") == "explicit":
        rest = dict(options)
    if rest:
        extra["prompt_cache_options"] = rest
    if options and options.get("mode") != "explicit":
        return "1h" if options.get("ttl") == "12h" else "5m"
    borrowed = as_members(members.get("cache_control"))
    if not borrowed:
        return None
    return "1h" if borrowed.get("ttl") == "1h" else "5m"


def _output_format(members: Members, extra: dict[str, object]) -> OutputFormat | None:
    value = members.get("response_format")
    if value is None:
        bare = members.get("json_schema")  # llama.cpp takes the schema at the top level, too
        return None if bare is None else OutputFormat("json_schema", need_members(bare, "json_schema"))
    asked = need_members(value, "response_format")
    match asked.get("type"):
        case "text":
            return None
        case "json_object":
            schema = asked.get("schema")
            if schema is None:
                return OutputFormat("json_object")
            return OutputFormat("json_schema", need_members(schema, "response_format.schema"))
        case "json_schema":
            return _schema_format(asked)
        case str():
            extra["response_format"] = value  # a grammar, say
            return None
        case _:
            raise WireError("response_format.type must be a string.")


def _schema_format(asked: Members) -> OutputFormat:
    inner = asked.get("json_schema")
    if inner is None:  # llama.cpp
        return OutputFormat("json_schema", need_members(asked.get("schema"), "response_format.schema"))
    path = "response_format.json_schema."
    described = need_members(inner, "response_format.json_schema")
    schema = described.get("schema")
    return OutputFormat(
        "json_schema",
        None if schema is None else need_members(schema, f"{path}schema"),
        name=text_or_none(described, "name", path=path) or "",
        strict=flag_or_none(described, "strict", path=path),
        description=text_or_none(described, "description", path=path) or "",
    )
