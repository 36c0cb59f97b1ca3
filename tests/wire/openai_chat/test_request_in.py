"""Every form in which a chat client may write its request is understood, and what is wrong is named by its place."""

from typing import Any

import msgspec
import pytest

from hostler.core.messages import Media, Message, Origin, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import OPENAI_CHAT
from hostler.errors import WireError
from hostler.wire.openai_chat import decode_request

CLIENT = Origin("", OPENAI_CHAT, "")
PNG = Media(kind="image", media_type="image/png", data="AAAA")


def messages(*items: object) -> tuple[Message, ...]:
    return decode_request(msgspec.json.encode({"model": "m", "messages": items})).messages


def one(item: object) -> Message:
    return messages(item)[0]


def asked(**fields: object):
    return decode_request(msgspec.json.encode({"model": "m", "messages": [], **fields}))


@pytest.mark.parametrize("role", ["system", "developer", "user"])
def test_roles_and_names(role: str) -> None:
    assert one({"role": role, "content": "hi", "name": "ann"}) == Message(role, (Text(text="hi"),), "ann")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "a"}, Text(text="a")),
        ("bare", Text(text="bare")),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text(text="a", cache="1h"),
        ),
        ({"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text(text="a", cache="5m")),
        ({"type": "refusal", "refusal": "no"}, Refusal(text="no")),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, PNG),
        ({"type": "image_url", "image_url": "data:image/png;base64,AAAA"}, PNG),
        (
            {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "low"}},
            Media(kind="image", url="https://e.org/a.png", detail="low"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            Media(kind="audio", media_type="audio/mpeg", data="AAAA"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,AAAA"}},
            Media(kind="audio", media_type="audio/wav", data="AAAA"),
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            Media(kind="document", media_type="application/pdf", data="AAAA", name="a.pdf"),
        ),
        (
            {"type": "file", "file": {"file_data": "AAAA"}},
            Media(kind="document", media_type="application/pdf", data="AAAA"),
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, Media(kind="document", file_id="file-1")),
        (
            {"type": "video_url", "video_url": {"url": "https://e.org/a.mp4"}},
            Media(kind="video", url="https://e.org/a.mp4"),
        ),
    ],
)
def test_content_parts(part: object, expected: object) -> None:
    assert one({"role": "user", "content": ["x", part, {"type": "text", "text": ""}]}).parts == (
        Text(text="x"),
        expected,
    )


@pytest.mark.parametrize("content", [None, "", []])
def test_no_content_is_no_part(content: object) -> None:
    assert one({"role": "assistant", "content": content}).parts == ()


def test_an_assistant_with_everything() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "free"}},
        {"id": "c3", "type": "function", "function": {"name": "h", "arguments": {"b": 2}}},
        {"type": "function", "function": {"name": "i"}},
    ]
    message = {
        "role": "assistant",
        "reasoning_content": "hm",
        "content": "text",
        "refusal": "no",
        "audio": {"id": "audio_1"},
        "tool_calls": calls,
    }
    assert one(message).parts == (
        Reasoning(text="hm", origin=CLIENT),
        Text(text="text"),
        Refusal(text="no"),
        Media(kind="audio", file_id="audio_1"),
        ToolCall(id="c1", name="f", arguments='{"a": 1}'),
        ToolCall(id="c2", name="g", arguments="free", custom=True),
        ToolCall(id="c3", name="h", arguments='{"b":2}'),
        ToolCall(id="call_0_3", name="i"),
    )


def test_reasoning_details_are_kept_byte_for_byte() -> None:
    details = b'[ {"type":"reasoning.text", "text":"a",  "signature":"\\u0041=="}, {"type":"reasoning.encrypted"} ]'
    body = b'{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","reasoning_details":%s}]}'
    assert decode_request(body % details).messages[1].parts == (Reasoning(text="a", origin=CLIENT, opaque=details),)


def test_the_other_name_of_reasoning() -> None:
    assert one({"role": "assistant", "reasoning": "hm"}).parts == (Reasoning(text="hm", origin=CLIENT),)


def test_tool_results() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    found = messages(
        {"role": "tool", "tool_call_id": "c1", "content": "42", "name": "f"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "see"}, image]},
        {"role": "tool", "tool_call_id": "c3", "content": ""},
    )
    assert found == (
        Message("tool", (ToolResult(call_id="c1", content=(Text(text="42"),), name="f"),)),
        Message("tool", (ToolResult(call_id="c2", content=(Text(text="see"), PNG)),)),
        Message("tool", (ToolResult(call_id="c3"),)),
    )


def test_legacy_functions_pair_by_name() -> None:
    found = messages(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
    )
    assert found[0].parts == (ToolCall(id="call_0_f", name="f", arguments="{}"),)
    assert found[1].parts == (ToolResult(call_id="call_0_f", content=(Text(text="42"),), name="f"),)


def test_results_without_ids_answer_in_order() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = messages(
        {"role": "assistant", "tool_calls": [call, call]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
    )
    ids = [part.id for part in found[0].parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert [part.call_id for message in found[1:] for part in message.parts if isinstance(part, ToolResult)] == ids


def test_tools() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = asked(
        tools=[
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema, "strict": True}},
            {"type": "function", "function": {"name": "g"}},
            {"type": "custom", "custom": {"name": "h", "format": {"type": "text"}}},
            {"type": "web_search", "depth": 3},
        ],
        functions=[{"name": "old", "parameters": schema}],
    )
    assert request.tools == (
        Tool(name="f", description="d", parameters=schema, strict=True),
        Tool(name="g"),
        Tool(name="h", parameters={"type": "text"}, custom=True),
        Tool(name="web_search", server=b'{"type":"web_search","depth":3}'),
        Tool(name="old", parameters=schema),
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"tool_choice": None}, None),
        ({"tool_choice": "auto"}, ToolChoice("auto")),
        ({"tool_choice": "none"}, ToolChoice("none")),
        ({"tool_choice": "required"}, ToolChoice("required")),
        ({"tool_choice": "any"}, ToolChoice("required")),
        ({"tool_choice": {"type": "required"}}, ToolChoice("required")),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, ToolChoice("named", "f")),
        ({"tool_choice": {"type": "custom", "custom": {"name": "f"}}}, ToolChoice("named", "f")),
        ({"tool_choice": {"type": "function", "name": "f"}}, ToolChoice("named", "f")),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "required",
                        "tools": [
                            {"type": "function", "function": {"name": "f"}},
                            {"type": "custom", "custom": {"name": "g"}},
                        ],
                    },
                }
            },
            ToolChoice("required", allowed=("f", "g")),
        ),
        ({"function_call": "none"}, ToolChoice("none")),
        ({"function_call": {"name": "f"}}, ToolChoice("named", "f")),
    ],
)
def test_tool_choice(fields: dict[str, object], expected: ToolChoice | None) -> None:
    assert asked(**fields).tool_choice == expected


def test_plain_fields() -> None:
    request = asked(
        max_tokens=5,
        max_completion_tokens=7,
        temperature=0.5,
        top_p=1,
        top_k=40,
        min_p=0.1,
        seed=1,
        presence_penalty=1,
        frequency_penalty=-1,
        stop="end",
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        parallel_tool_calls=False,
        reasoning_effort="xhigh",
        safety_identifier="u1",
        n=2,
        logprobs=True,
        service_tier="flex",
    )
    assert request.max_tokens == 7
    assert request.sampling == Sampling(
        temperature=0.5,
        top_p=1,
        top_k=40,
        min_p=0.1,
        seed=1,
        presence_penalty=1,
        frequency_penalty=-1,
        stop=("end",),
    )
    assert (request.stream, request.include_usage, request.parallel_tool_calls) == (True, True, False)
    assert request.reasoning == ReasoningOptions(effort="xhigh")
    assert request.user == "u1"
    assert request.wire == OPENAI_CHAT
    assert request.extra == {
        "stream_options": {"include_obfuscation": False},
        "n": 2,
        "logprobs": True,
        "service_tier": "flex",
    }


def test_nulls_are_absence() -> None:
    names = ["max_tokens", "temperature", "seed", "stop", "tools", "stream", "stream_options", "user", "functions"]
    assert asked(**dict.fromkeys(names)) == asked()
    assert asked(max_tokens=9).max_tokens == 9
    assert asked(stop=["a", "b"]).sampling.stop == ("a", "b")
    assert asked(max_tokens=64.0).max_tokens == 64


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, OutputFormat("json_object")),
        ({"response_format": {"type": "json_object", "schema": {"a": 1}}}, OutputFormat("json_schema", {"a": 1})),
        ({"response_format": {"type": "json_schema", "schema": {"a": 1}}}, OutputFormat("json_schema", {"a": 1})),
        ({"json_schema": {"a": 1}}, OutputFormat("json_schema", {"a": 1})),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {}, "strict": True, "description": "d"},
                }
            },
            OutputFormat("json_schema", {}, "n", True, "d"),
        ),
    ],
)
def test_output_format(fields: dict[str, object], expected: OutputFormat | None) -> None:
    assert asked(**fields).output_format == expected


def test_what_only_the_upstream_knows_is_kept() -> None:
    grammar = {"type": "grammar", "grammar": "root ::= x"}
    odd = {
        "reasoning_effort": "turbo",
        "thinking": {"type": "sometimes"},
        "thinking_budget": "much",
        "reasoning": "yes",
    }
    request = asked(response_format=grammar, enable_thinking="perhaps", **odd)
    assert request.extra == {"response_format": grammar, "enable_thinking": "perhaps", **odd}
    assert request.reasoning is None


@pytest.mark.parametrize(
    ("fields", "reasoning", "extra"),
    [
        ({"reasoning": {"effort": "low", "exclude": True}}, ReasoningOptions(effort="low", hidden=True), {}),
        ({"reasoning": {"max_tokens": 2000}}, ReasoningOptions(budget=2000), {}),
        ({"reasoning": {"enabled": False}}, ReasoningOptions("off"), {}),
        (
            {"reasoning": {"effort": "vast", "summary": "auto", "enabled": True}},
            ReasoningOptions("on"),
            {"reasoning": {"effort": "vast", "summary": "auto"}},
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000}, "reasoning_effort": "high"},
            ReasoningOptions("on", "high", 2000),
            {},
        ),
        ({"thinking": {"type": "auto"}}, ReasoningOptions("adaptive"), {}),
        ({"enable_thinking": True, "thinking_budget": 50}, ReasoningOptions("on", budget=50), {}),
        (
            {"chat_template_kwargs": {"enable_thinking": False}},
            ReasoningOptions("off"),
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
    ],
)
def test_how_much_to_think_in_each_vendors_words(
    fields: dict[str, Any], reasoning: ReasoningOptions, extra: dict[str, object]
) -> None:
    request = asked(**fields)
    assert (request.reasoning, request.extra) == (reasoning, extra)


@pytest.mark.parametrize(
    ("fields", "cache", "extra"),
    [
        ({"prompt_cache_options": {"mode": "implicit", "ttl": "12h"}}, "1h", {}),
        ({"prompt_cache_options": {"ttl": "30m"}}, "5m", {}),
        ({"prompt_cache_options": {"mode": "explicit"}}, None, {"prompt_cache_options": {"mode": "explicit"}}),
        ({"prompt_cache_options": {"prewarm": True}}, "5m", {"prompt_cache_options": {"prewarm": True}}),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "1h", {}),
        ({"cache_control": {"type": "ephemeral"}}, "5m", {}),
        ({}, None, {}),
    ],
)
def test_a_cache_breakpoint_that_the_vendor_chooses(
    fields: dict[str, Any], cache: str | None, extra: dict[str, object]
) -> None:
    request = asked(prompt_cache_key="k", **fields)
    assert (request.cache, request.cache_key, request.extra) == (cache, "k", extra)


def test_breakpoints_inherit_the_requests_time_to_live() -> None:
    def part(**ttl: str) -> dict[str, object]:
        return {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", **ttl}}

    messages = [
        {"role": "user", "content": [part(), part(ttl="30m"), part(ttl="12h")]},
        {"role": "user", "content": "b"},
    ]
    for options, marks in (({"mode": "explicit", "ttl": "12h"}, ["1h", "5m", "1h"]), ({}, ["5m", "5m", "1h"])):
        request = asked(messages=messages, prompt_cache_options=options)
        assert [part.cache for part in request.messages[0].parts if isinstance(part, Text)] == marks


def test_chunks_of_thinking_in_history() -> None:
    thinking = [{"type": "text", "text": "Oats"}]
    content = [
        {"type": "thinking", "thinking": thinking, "signature": "c2ln", "closed": True},
        {"type": "thinking", "thinking": "?"},
        {"type": "text", "text": "Hay"},
    ]
    (message,) = asked(messages=[{"role": "assistant", "content": content}]).messages
    signed = msgspec.json.encode({"type": "thinking", "thinking": thinking, "signature": "c2ln"})
    assert message.parts == (
        Reasoning(text="Oats", origin=Origin("", OPENAI_CHAT, ""), opaque=signed),
        Reasoning(text="?", origin=Origin("", OPENAI_CHAT, "")),
        Text(text="Hay"),
    )


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "valid JSON"),
        (b"\xff", "valid JSON"),
        (b"[" * 100_000, "valid JSON"),
        (b"[]", "JSON object"),
        (b"{}", "model"),
        (b'{"model":1}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[1]}', r"messages\[0\]"),
        (b'{"model":"m","messages":[{"role":"king"}]}', r"messages\[0\]\.role: 'king'"),
        (b'{"model":"m","messages":[{"role":"user","content":1}]}', r"messages\[0\]\.content"),
        (b'{"model":"m","messages":[{"role":"user","content":[{}]}]}', r"messages\[0\]\.content\[0\]\.type"),
        (b'{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}', r"content\[0\]\.text"),
        (b'{"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]}', r"content\[0\]\.image_url"),
        (b'{"model":"m","messages":[{"role":"tool","content":"x"}]}', r"messages\[0\]\.tool_call_id"),
        (b'{"model":"m","messages":[{"role":"assistant","tool_calls":[{}]}]}', r"tool_calls\[0\]\.function"),
        (b'{"model":"m","messages":[],"temperature":"hot"}', "temperature"),
        (b'{"model":"m","messages":[],"max_tokens":1.5}', "max_tokens"),
        (b'{"model":"m","messages":[],"stream":"yes"}', "stream"),
        (b'{"model":"m","messages":[],"stop":[1]}', r"stop\[0\]"),
        (b'{"model":"m","messages":[],"tools":[{"type":"function"}]}', r"tools\[0\]\.function"),
        (b'{"model":"m","messages":[],"tool_choice":"some"}', "tool_choice"),
        (b'{"model":"m","messages":[],"tool_choice":{"type":"function"}}', r"tool_choice\.function\.name"),
        (b'{"model":"m","messages":[],"response_format":{}}', r"response_format\.type"),
        (b'{"model":"m","messages":[3,{"reasoning_details":1}]}', r"messages\[0\]"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, place: str) -> None:
    with pytest.raises(WireError, match=place) as caught:
        decode_request(body)
    assert caught.value.status == 400
