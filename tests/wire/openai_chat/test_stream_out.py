"""Streams are written chunk by chunk as clients expect them, and a failure never looks like an end."""

from typing import Any

import msgspec
import pytest

from hostler.core.deltas import (
    Delta,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
)
from hostler.core.requests import Asked
from hostler.core.usage import Usage
from hostler.errors import UpstreamBroken
from hostler.wire.openai_chat import KEEPALIVE, StreamEncoder, stream_decoder
from hostler.wire.sse import SseDecoder

ASKED = Asked("a/model", "r1", 1_763_630_000)


def events(data: bytes) -> list[Any]:
    decoder = SseDecoder()
    found = [event.data for event in decoder.feed(data)]
    assert decoder.flush() == []
    return [each if each == b"[DONE]" else msgspec.json.decode(each) for each in found]


def written(*deltas: Delta, asked: Asked = ASKED) -> list[Any]:
    encoder = StreamEncoder(asked)
    return events(encoder.encode(deltas) + encoder.finish())


def pieces(*deltas: Delta) -> list[Any]:
    return [
        chunk["choices"][0]["delta"] for chunk in written(*deltas, asked=Asked("m", "x", 1, include_usage=False))[:-1]
    ]


def test_a_stream_from_first_to_last() -> None:
    usage = Usage(1, 2, None, 4, 5)
    chunks = written(Started("up", "up"), TextDelta("a"), TextDelta("b"), Finished("stop"), UsageDelta(usage))
    assert chunks.pop() == b"[DONE]"
    frame = {"id": "chatcmpl-r1", "object": "chat.completion.chunk", "created": 1_763_630_000, "model": "a/model"}
    assert all({key: chunk[key] for key in frame} == frame for chunk in chunks)
    assert [chunk["choices"] for chunk in chunks] == [
        [{"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "a"}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "b"}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}],
        [],
    ]
    assert chunks[-1]["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 9,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    assert all("usage" not in chunk for chunk in chunks[:-1])


def test_usage_only_when_it_was_asked_for() -> None:
    chunks = written(TextDelta("a"), UsageDelta(Usage(1)), asked=Asked("m", "r", 1, include_usage=False))
    assert all("usage" not in chunk for chunk in chunks[:-1])


def test_kinds_of_pieces() -> None:
    encoder_pieces = pieces(
        Started("", ""),
        ReasoningDelta("hm"),
        PartEnded(),
        TextDelta("a"),
        PartEnded(),
        ToolCallStarted(0, "c1", "f"),
        ToolCallDelta(0, '{"a"'),
        ToolCallStarted(1, "c2", "g", custom=True),
        ToolCallDelta(1, "free"),
        ToolCallDelta(0, ":1}"),
        ToolCallEnded(0),
        ToolCallEnded(1),
        RefusalDelta("no"),
        Finished("tool_calls"),
    )
    assert encoder_pieces == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "hm"},
        {"content": "a"},
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 1, "id": "c2", "type": "custom", "custom": {"name": "g", "input": ""}}]},
        {"tool_calls": [{"index": 1, "custom": {"input": "free"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {"refusal": "no"},
        {},
    ]


@pytest.mark.parametrize(
    ("deltas", "arguments"),
    [
        ((ToolCallEnded(0), Finished("tool_calls")), "{}"),
        ((ToolCallDelta(0, ""), ToolCallEnded(0), Finished("tool_calls")), "{}"),
        ((ToolCallDelta(0, "{}"), ToolCallEnded(0), Finished("tool_calls")), "{}"),
        ((Finished("tool_calls"),), "{}"),
        ((ToolCallEnded(0),), "{}"),
        ((), "{}"),
        ((Finished("length"),), ""),
    ],
)
def test_a_call_without_arguments_has_an_empty_object_of_them_once(deltas: tuple[Delta, ...], arguments: str) -> None:
    written_pieces = pieces(ToolCallStarted(0, "c", "f"), *deltas)
    calls = [call for piece in written_pieces for call in piece.get("tool_calls", ())]
    assert "".join(call["function"].get("arguments", "") for call in calls) == arguments


def test_opaque_state_is_named_never_shown() -> None:
    encoder = StreamEncoder(ASKED)
    data = encoder.encode([ReasoningSealed(b'"secret"', redacted=True), PartEnded(b'"secret"')]) + encoder.finish()
    assert b"secret" not in data
    assert encoder.dropped == {"message.reasoning.opaque", "message.content[].opaque"}


@pytest.mark.parametrize(
    ("deltas", "reason"),
    [
        ((), "stop"),
        ((TextDelta("a"),), "stop"),
        ((ToolCallStarted(0, "c", "f"),), "tool_calls"),
        ((ToolCallStarted(0, "c", "f"), Finished("length")), "length"),
        ((RefusalDelta("no"), Finished("refusal")), "stop"),
        ((Finished("context"),), "length"),
    ],
)
def test_every_good_end_has_a_reason(deltas: tuple[Delta, ...], reason: str) -> None:
    chunks = written(*deltas)
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1] if chunk["choices"]]
    assert [each for each in reasons if each] == [reason]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"


def test_a_failure_is_an_error_frame_and_no_end() -> None:
    encoder = StreamEncoder(ASKED)
    encoder.encode([TextDelta("a")])
    found = events(encoder.fail(UpstreamBroken("It\u2028broke.")))
    assert found == [
        {"error": {"message": "It\u2028broke.", "type": "server_error", "param": None, "code": "upstream_broken"}}
    ]


def test_no_reader_of_lines_is_misled() -> None:
    text = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\r\nh"
    encoder = StreamEncoder(Asked(text, text, 1))
    call = [ToolCallStarted(0, text, text), ToolCallDelta(0, text)]
    data = encoder.encode([TextDelta(text), TextDelta(text), *call]) + encoder.fail(UpstreamBroken(text))
    lines = data.decode().splitlines()
    assert all(line == "" or line.startswith("data: {") for line in lines)
    assert [chunk["choices"][0]["delta"].get("content") for chunk in events(data)[1:3]] == [text, text]


def test_keep_alives_are_nothing_to_a_reader() -> None:
    assert stream_decoder().feed(KEEPALIVE * 3) == []
