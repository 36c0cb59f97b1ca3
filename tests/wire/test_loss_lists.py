"""The vendors' own SDKs judge the table of losses: what a line says a wire lacks is in none of its published types."""

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import anthropic.types as claude
import msgspec
import ollama._types as llama
import pytest
from anthropic.types.message_create_params import MessageCreateParamsBase
from google.genai import types as google
from openai.types import chat, responses
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from pydantic import BaseModel

from hostler.core.wires import DASHSCOPE, GEMINI, OLLAMA, OPENAI_RESPONSES, WIRES
from hostler.errors import Unsupported
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN
from hostler.wire.loss_table import OWN_FIELDS, TO_FACE, TO_WIRE, Loss

TYPES: dict[str, tuple[Any, ...]] = {
    "chat": (CompletionCreateParamsBase,),
    "chat message": (
        chat.ChatCompletionAssistantMessageParam, chat.ChatCompletionUserMessageParam,
        chat.ChatCompletionToolMessageParam, chat.ChatCompletionContentPartTextParam,
        chat.ChatCompletionContentPartImageParam, chat.ChatCompletionMessageFunctionToolCallParam,
    ),
    "chat tool": (chat.ChatCompletionFunctionToolParam,),
    "chat reply": (chat.ChatCompletionMessage,),
    "responses": (ResponseCreateParamsBase, responses.FunctionToolParam),
    "responses item": (
        responses.EasyInputMessageParam, responses.ResponseInputImageParam, responses.ResponseFunctionToolCallParam,
        responses.ResponseOutputTextParam,
    ),
    "responses reply": (
        responses.Response, responses.ResponseOutputMessage, responses.ResponseOutputText,
        responses.ResponseFunctionToolCall,
    ),
    "messages": (MessageCreateParamsBase,),
    "messages block": (
        claude.UserMessageParam, claude.AssistantMessageParam, claude.TextBlockParam, claude.ImageBlockParam,
        claude.ToolUseBlockParam,
    ),
    "messages tool": (claude.ToolParam,),
    "messages output": (claude.OutputConfigParam, claude.JSONOutputFormatParam),
    "messages reply": (claude.Message, claude.TextBlock, claude.ToolUseBlock),
    "gemini": (google.GenerateContentConfig,),
    "gemini config": (google.GenerationConfig,),
    "gemini part": (google.Content, google.Part),
    "gemini tool": (google.FunctionDeclaration, google.FunctionCallingConfig),
    "gemini reply": (google.Candidate, google.Part),
    "ollama": (llama.ChatRequest,),
    "ollama message": (llama.Message,),
    "ollama tool": (llama.Tool, llama.Tool.Function),
    "ollama prompt": (llama.GenerateRequest,),
}  # fmt: skip
"""The SDKs' types of each published list. DashScope's SDK has none for what it sends."""

PRECISE: dict[tuple[str, str], tuple[Any, ...]] = {
    ("openai-chat", "messages[].image"): (chat.ChatCompletionAssistantMessageParam,),
    ("openai-responses", "messages[].image"): (
        responses.ResponseOutputMessageParam, responses.ResponseOutputTextParam, responses.ResponseOutputRefusalParam,
    ),
    ("anthropic", "messages[].name"): (claude.UserMessageParam, claude.AssistantMessageParam),
    ("openai-responses", "messages[].name"): (responses.EasyInputMessageParam,),
}  # fmt: skip
"""The one type of a list that a line is about, where others of it have the word for something else."""

WORDS: dict[str, tuple[str, ...]] = {
    "messages[].content[].is_error": ("is_error", "error"),
    "messages[].content[].filename": ("filename", "file_name", "title", "display_name"),
    "messages[].content[].image_url.detail": ("detail",),
    "messages[].name": ("name",),
    "messages[].cache_control": ("cache_control",),
    "tools[].cache_control": ("cache_control",),
    "tools[].custom": ("custom", "format"),
    "tools[].strict": ("strict",),
    "tools[].parameters": ("minimum", "maximum"),
    "thinking.budget_tokens": ("thinking", "budget_tokens", "thinking_budget"),
    "thinking.display": ("display", "include_thoughts"),
    "response_format": ("json_object", "response_format"),
    "response_format.json_schema.schema": ("minimum", "maximum"),
    "response_format.json_schema.description": ("description",),
    "messages[].reasoning": ("signature", "redacted_thinking"),
    "messages[].content[].opaque": ("encrypted_content", "opaque"),
    "messages[].tool_calls[].opaque": ("encrypted_content", "opaque"),
    "message.content[].opaque": ("encrypted_content", "opaque"),
    "message.reasoning.opaque": ("encrypted_content", "opaque"),
    "message.tool_calls[].opaque": ("encrypted_content", "opaque"),
    "message.tool_calls": ("tool_calls",),
    "stop_details.category": ("stop_details", "category"),
    "user": ("user", "user_id"),
    "min_p": ("min_p", "minP"),
    **{f"messages[].{kind}": (f"{kind}s", f"{kind}_url") for kind in ("image", "video", "document")},
    "messages[].audio": ("audio_url",),
}
"""How a list would spell what a line is about; for the rest by the line's own name."""

BY_VALUE = {
    "max_tokens", "temperature", "top_p", "top_k", "stop", "reasoning_effort", "thinking", "tool_choice",
    "messages[].role",
    "messages[].tool_calls[].arguments", "message.tool_calls[].arguments", "tools[].NAME", "FIELD", "tools[].strict",
    "parallel_tool_calls", "messages[].cache_control", "tools[].cache_control",
    "response_format.json_schema.description",
}  # fmt: skip
"""Lines about values that a field refuses, or about the form of what it holds: no list of names shows those."""


def lines() -> Iterator[tuple[str, Loss]]:
    for wire, losses in (*TO_WIRE.items(), *TO_FACE.items()):
        yield from ((wire, loss) for loss in losses if loss.shown in TYPES and not _by_value(wire, loss))


def _by_value(wire: str, loss: Loss) -> bool:
    lacking = {(OPENAI_RESPONSES, "stop"), (OPENAI_RESPONSES, "top_k"), (OLLAMA, "tool_choice"),
               (OLLAMA, "tools[].strict"), (OLLAMA, "parallel_tool_calls"), (GEMINI, "parallel_tool_calls"),
               (OLLAMA, "messages[].cache_control"), (GEMINI, "messages[].cache_control"),
               (OLLAMA, "tools[].cache_control"), (GEMINI, "tools[].cache_control"),
               (OLLAMA, "response_format.json_schema.description")}  # fmt: skip
    return loss.name in BY_VALUE and (wire, loss.name) not in lacking


@cache
def fields_of(types: tuple[Any, ...]) -> frozenset[str]:
    found = set[str]()
    for each in types:
        found |= each.model_fields.keys() if issubclass(each, BaseModel) else each.__annotations__.keys()
    return frozenset(found)


@pytest.mark.parametrize(("wire", "loss"), list(lines()), ids=str)
def test_no_published_type_has_what_a_line_says_is_lacking(wire: str, loss: Loss) -> None:
    words = WORDS.get(loss.name, (loss.name,))
    fields = fields_of(PRECISE.get((wire, loss.name), TYPES[loss.shown]))
    assert len(fields) >= 2
    assert not fields & set(words)


# ------------------------------------------------------------------------------------ fields of one wire

TEXT: dict[str, Any] = {"type": "text", "text": "hi"}
BASES: dict[str, dict[str, Any]] = {
    "openai-chat": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    "anthropic": {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]},
    "gemini": {"contents": [{"parts": [{"text": "hi"}]}]},
    "openai-responses": {"model": "m", "input": "hi"},
    "ollama": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    "dashscope": {"model": "m", "input": {"messages": [{"role": "user", "content": "hi"}]}, "parameters": {}},
}
CITED = {**TEXT, "citations": [{"type": "char_location"}]}
SOURCE = {"type": "text", "media_type": "text/plain", "data": "x"}
PAPER = {"type": "document", "source": SOURCE, "citations": {"enabled": True}}
SPACE = {"type": "namespace", "name": "fs", "description": "Files.", "tools": [{"type": "function", "name": "read"}]}
MORE: dict[tuple[str, str], dict[str, Any]] = {
    ("openai-chat", "stream_options"): {"stream_options": {"include_obfuscation": True}},
    ("anthropic", "messages[].content[].citations"): {"messages": [{"role": "user", "content": [CITED]}]},
    ("anthropic", "messages[].document.citations"): {"messages": [{"role": "user", "content": [TEXT, PAPER]}]},
    ("anthropic", "thinking.display"): {"thinking": {"type": "adaptive", "display": "summarized"}},
    ("anthropic", "tools[].FIELD"): {"tools": [{"name": "f", "input_schema": {"type": "object"}, "FIELD": True}]},
    ("gemini", "contents[].parts[].FIELD"): {"contents": [{"parts": [{"text": "hi", "FIELD": 1}]}]},
    ("gemini", "tools[].FIELD"): {"tools": [{"functionDeclarations": [{"name": "f", "FIELD": 1}]}]},
    ("openai-responses", "tools[].FIELD"): {"tools": [{"type": "function", "name": "f", "FIELD": 1}]},
    ("openai-responses", "tools[].namespace"): {"tools": [SPACE]},
    ("openai-responses", "prompt_cache_options"): {"prompt_cache_options": {"mode": "explicit"}},
    ("openai-responses", "truncation"): {"truncation": "auto"},
    ("openai-responses", "service_tier"): {"service_tier": "priority"},
}
"""What shows a field, where it is not simply there."""


def body_with(face: str, field: str) -> bytes:
    members = MORE.get((face, field))
    if members is None:
        section, found, name = field.partition(".")
        held = {**cast("dict[str, Any]", BASES[face].get(section, {})), name: {"a": 1}}
        members = {section: held} if found else {field: {"a": 1}}
    return msgspec.json.encode({**BASES[face], **members})


@pytest.mark.parametrize(("face", "field"), [(face, field) for face, fields in OWN_FIELDS.items() for field in fields])
def test_a_field_of_one_wire_is_named_on_all_others(face: str, field: str) -> None:
    request = codec_of(cast("Any", face)).decode_request(body_with(face, field))
    assert field in request.extra
    for wire in WIRES:
        if wire != face:
            assert field in codec_of(wire).encode_request(request, PLAIN).dropped


@pytest.mark.parametrize("face", BASES)
def test_a_request_without_such_fields_loses_nothing(face: str) -> None:
    request = codec_of(cast("Any", face)).decode_request(msgspec.json.encode(BASES[face]))
    for wire in WIRES:
        assert codec_of(wire).encode_request(request, PLAIN).dropped == ()


UNDERSTOOD: dict[str, set[str]] = {
    "openai-chat": {
        "messages", "model", "frequency_penalty", "function_call", "functions", "max_completion_tokens", "max_tokens",
        "parallel_tool_calls", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "reasoning_effort",
        "response_format", "safety_identifier", "seed", "stop", "temperature", "tool_choice", "tools", "top_p", "user",
    },
    "openai-responses": {
        "input", "instructions", "model", "max_output_tokens", "parallel_tool_calls", "previous_response_id",
        "prompt_cache_key", "reasoning", "safety_identifier", "temperature", "text", "tool_choice", "tools", "top_p",
        "user", "image",
    },
    "anthropic": {
        "max_tokens", "messages", "model", "cache_control", "metadata", "output_config", "stop_sequences", "system",
        "thinking", "tool_choice", "tools",
    },
    "ollama": {"messages", "model", "format", "options", "stream", "think", "tools"},
}  # fmt: skip
"""Published fields that other wires have a word for, too; `previous_response_id` is resolved before."""
PUBLISHED = {"openai-chat": "chat", "openai-responses": "responses", "anthropic": "messages", "ollama": "ollama"}


@pytest.mark.parametrize("face", UNDERSTOOD)
def test_every_published_field_is_understood_or_told_of(face: str) -> None:
    published = {name for each in TYPES[PUBLISHED[face]][:1] for name in _names(each)}
    own = {field for field in OWN_FIELDS[face] if "." not in field}
    assert published - UNDERSTOOD[face] - own == set()
    assert not own & UNDERSTOOD[face]


def _names(each: Any) -> set[str]:
    return set(each.model_fields if issubclass(each, BaseModel) else each.__annotations__)


def test_a_foreign_file_is_refused_by_every_wire() -> None:
    part = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    body = msgspec.json.encode({**BASES["anthropic"], "messages": [{"role": "user", "content": [part]}]})
    request = codec_of("anthropic").decode_request(body)
    for wire in WIRES:
        if wire != "anthropic":
            with pytest.raises(Unsupported):
                codec_of(wire).encode_request(request, PLAIN)
    assert DASHSCOPE in WIRES
