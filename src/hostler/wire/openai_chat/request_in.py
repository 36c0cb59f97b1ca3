"""A chat request's body, read into a `ChatRequest`. Knows the top-level fields; leaves the rest in `extra`."""

from typing import Final, cast

from hostler.core.requests import ChatRequest, Effort, OutputFormat, ReasoningOptions, Sampling
from hostler.core.wires import OPENAI_CHAT
from hostler.errors import WireError
from hostler.wire.efforts import EFFORTS
from hostler.wire.fields import (
    Members,
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
from hostler.wire.openai_tools import read_tool_choice, read_tools

_READ: Final = frozenset(
    {
        "model", "messages", "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls",
        "max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty",
        "frequency_penalty", "stop", "reasoning_effort", "response_format", "json_schema", "stream", "stream_options",
        "user", "safety_identifier",
    }
)  # fmt: skip
"""Fields that have a place of their own in a `ChatRequest`."""


def decode_request(body: bytes) -> ChatRequest:
    """The request that `body` is; raises WireError naming the place of what is wrong."""
    members = parse_object(body)
    extra = {key: value for key, value in members.items() if key not in _READ}
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
        reasoning=_reasoning(members, extra),
        output_format=_output_format(members, extra),
        stream=flag_or_none(members, "stream") or False,
        include_usage=flag_or_none(options, "include_usage", path="stream_options.") or False,
        user=text_or_none(members, "user") or text_or_none(members, "safety_identifier") or "",
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


def _reasoning(members: Members, extra: dict[str, object]) -> ReasoningOptions | None:
    effort = members.get("reasoning_effort")
    if effort is None:
        return None
    if effort in EFFORTS:
        return ReasoningOptions(effort=cast("Effort", effort))
    extra["reasoning_effort"] = effort  # a measure that only its own upstream may know
    return None


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
