"""Whole replies of many servers are read, and ours are written as the published schema has them."""

from typing import Any

import msgspec
import pytest

from hostler.core.messages import Part, Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import Asked, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.errors import UpstreamGarbled, UpstreamRefused
from hostler.wire.openai_chat import decode_response, encode_response

ASKED = Asked("a/model", "r1", 1_763_630_000)


def reply_to(message: object, finish: str | None = "stop", **more: object) -> Reply:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "model": "big-1", "object": "chat.completion", "choices": [choice], **more}
    return decode_response(msgspec.json.encode(body))


def written(reply: Reply) -> Any:
    return msgspec.json.decode(encode_response(reply, ASKED).body)


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"role": "assistant", "content": "a"}, (Text(text="a"),)),
        ({"role": "assistant", "content": None}, ()),
        ({"content": "a", "reasoning_content": "b"}, (Reasoning(text="b"), Text(text="a"))),
        ({"content": "a", "reasoning": "b"}, (Reasoning(text="b"), Text(text="a"))),
        ({"content": "a", "reasoning": "b", "reasoning_content": "c"}, (Reasoning(text="c"), Text(text="a"))),
        (
            {"content": "a", "reasoning_details": [{"type": "reasoning.summary", "summary": "b"}]},
            (Reasoning(text="b", opaque=b'[{"type":"reasoning.summary","summary":"b"}]'), Text(text="a")),
        ),
        (
            {"content": [{"type": "thinking", "thinking": "b"}, {"type": "text", "text": "a"}]},
            (Reasoning(text="b"), Text(text="a")),
        ),
        ({"content": None, "refusal": "no"}, (Refusal(text="no"),)),
        (
            {"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}]},
            (ToolCall(id="c1", name="f", arguments='{"a":1}'),),
        ),
        (
            {"tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
            (ToolCall(id="c1", name="f", arguments="x", custom=True),),
        ),
        (
            {"tool_calls": [{"function": {"name": "f"}}, {"function": {"name": "f"}}]},
            (ToolCall(id="call_1_0", name="f"), ToolCall(id="call_1_1", name="f")),
        ),
        (
            {"function_call": {"name": "f", "arguments": "{}"}},
            (ToolCall(id="call_1_0", name="f", arguments="{}"),),
        ),
    ],
)
def test_messages(message: object, parts: tuple[Part, ...]) -> None:
    reply = reply_to(message)
    assert (reply.id, reply.model, reply.parts) == ("chatcmpl-1", "big-1", parts)


@pytest.mark.parametrize(
    ("raw", "message", "finish"),
    [
        ("stop", {"content": "a"}, "stop"),
        ("stop", {"tool_calls": [{"id": "c", "function": {"name": "f"}}]}, "tool_calls"),
        (None, {"tool_calls": [{"id": "c", "function": {"name": "f"}}]}, "tool_calls"),
        ("length", {"tool_calls": [{"id": "c", "function": {"name": "f"}}]}, "length"),
        ("stop", {"refusal": "no"}, "refusal"),
        ("function_call", {"function_call": {"name": "f"}}, "tool_calls"),
        ("content_filter", {}, "content_filter"),
        ("model_length", {}, "context"),
        ("insufficient_system_resource", {}, "error"),
        ("whim", {}, "unknown"),
        (None, {}, "unknown"),
    ],
)
def test_finish(raw: str | None, message: object, finish: FinishReason) -> None:
    reply = reply_to(message, raw)
    assert (reply.finish, reply.raw_finish) == (finish, raw or "")


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({}, Usage()),
        ({"usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}}, Usage(input=5, output=3)),
        (
            {
                "usage": {
                    "prompt_tokens": 50,
                    "completion_tokens": 30,
                    "total_tokens": 80,
                    "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 6},
                    "completion_tokens_details": {"reasoning_tokens": 20},
                }
            },
            Usage(4, 40, 6, 10, 20),
        ),
        (  # reasoning left out of the completion, told by its size ...
            {
                "usage": {
                    "prompt_tokens": 5,
                    "completion_tokens": 3,
                    "completion_tokens_details": {"reasoning_tokens": 9},
                }
            },
            Usage(input=5, output=3, reasoning=9),
        ),
        (  # ... or by the total
            {
                "usage": {
                    "prompt_tokens": 5,
                    "completion_tokens": 30,
                    "total_tokens": 44,
                    "completion_tokens_details": {"reasoning_tokens": 9},
                }
            },
            Usage(input=5, output=30, reasoning=9),
        ),
        (  # cached tokens left out of the prompt
            {"usage": {"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 90}}},
            Usage(input=5, cache_read=90, output=3),
        ),
        (
            {"usage": {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 8}},
            Usage(input=1, cache_read=8, output=1),
        ),
        ({"timings": {"cache_n": 1, "prompt_n": 2, "predicted_n": 3}}, Usage(input=2, cache_read=1, output=3)),
        ({"usage": {"prompt_tokens": "many", "completion_tokens": -1}}, Usage()),
    ],
)
def test_usage(fields: dict[str, object], usage: Usage) -> None:
    assert reply_to({"content": "a"}, **fields).usage == usage


def test_an_error_in_a_good_status() -> None:
    with pytest.raises(UpstreamRefused, match="too much") as caught:
        decode_response(b'{"error":{"message":"too much","code":429}}')
    assert caught.value.status == 429


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":null}'])
def test_what_is_no_reply(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        decode_response(body)


def test_a_whole_reply_as_clients_see_it() -> None:
    parts = (
        Reasoning(text="hm", opaque=b'{"signature":"c2ln"}'),
        Text(text="one "),
        Text(text="two"),
        ToolCall(id="c1", name="f"),
        ToolCall(id="c2", name="g", arguments="x", custom=True),
    )
    reply = Reply(id="up", model="up", parts=parts, finish="tool_calls", usage=Usage(1, 2, 3, 4, 5))
    encoded = encode_response(reply, ASKED)
    assert encoded.dropped == ("message.reasoning.opaque",)
    assert msgspec.json.decode(encoded.body) == {
        "id": "chatcmpl-r1",
        "object": "chat.completion",
        "created": 1_763_630_000,
        "model": "a/model",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "one two",
                    "refusal": None,
                    "reasoning_content": "hm",
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                        {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 6,
            "completion_tokens": 9,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    }


def test_unknown_usage_is_numbers_all_the_same() -> None:
    asked = Asked("m", "chatcmpl-r1", 1, prompt_tokens=12)
    body = msgspec.json.decode(encode_response(Reply(parts=(Text(text="a"),)), asked).body)
    assert body["id"] == "chatcmpl-r1"
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] == 12
    assert body["usage"]["completion_tokens"] == 0


@pytest.mark.parametrize(
    ("finish", "parts", "word"),
    [
        ("stop_sequence", (), "stop"),
        ("context", (), "length"),
        ("refusal", (), "content_filter"),
        ("refusal", (Refusal(text="no"),), "stop"),
        ("pause", (), "stop"),
        ("unknown", (ToolCall(id="c", name="f"),), "tool_calls"),
        ("unknown", (), "stop"),
        ("error", (), "error"),
    ],
)
def test_finish_words(finish: FinishReason, parts: tuple[Part, ...], word: str) -> None:
    assert written(Reply(parts=parts, finish=finish))["choices"][0]["finish_reason"] == word


def test_what_a_vendor_adds_to_a_call_is_its_opaque_block() -> None:
    extra = {"google": {"thought_signature": "c2ln"}}
    call = {"id": "c1", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
    (made,) = reply_to({"tool_calls": [call]}).tool_calls
    assert made.opaque == msgspec.json.encode({"type": "function", "extra_content": extra})


def test_what_came_from_a_cache_may_stand_in_the_timings_alone() -> None:
    counts = {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}
    reply = reply_to({"content": "a"}, usage=counts, timings={"cache_n": 15, "prompt_n": 5, "predicted_n": 3})
    assert reply.usage == Usage(input=5, cache_read=15, output=3)
