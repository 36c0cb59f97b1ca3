"""Whole replies and errors of the anthropic wire, both ways. Knows the public door of the wire only."""

import msgspec
import pytest
from hypothesis import given

from hostler.core.messages import Media, Origin, Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import Asked, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.core.wires import GEMINI
from hostler.errors import (
    Cancelled,
    Draining,
    Forbidden,
    HostlerError,
    ModelNotFound,
    QueueFull,
    RequestTooLarge,
    Unauthorized,
    Unsupported,
    UpstreamBroken,
    UpstreamGarbled,
    UpstreamRefused,
    UpstreamTimeout,
)
from hostler.wire import anthropic
from tests.wire.anthropic.judge import read_message
from tests.wire.strategies import replies

ASKED = Asked("mine/sonnet", "abc", 1_700_000_000)
REPLY = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "sonnet-5-5",
    "content": [
        {"type": "thinking", "thinking": "Oats.", "signature": "c2ln"},
        {"type": "text", "text": "Now", "citations": None},
        {"type": "tool_use", "id": "toolu_1", "name": "feed", "input": {"kg": 2}, "caller": {"type": "direct"}},
        {"type": "invented_block", "hay": [1]},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "stop_details": None,
    "usage": {
        "input_tokens": 10,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
        "cache_read_input_tokens": 5,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 30},
        "service_tier": "standard",
    },
}


def told(reply: Reply) -> dict[str, object]:
    return msgspec.json.decode(anthropic.encode_response(reply, ASKED).body)


def test_a_reply_is_read_whole() -> None:
    reply = anthropic.decode_response(msgspec.json.encode(REPLY))
    thinking, text, call, unknown = reply.parts
    assert isinstance(thinking, Reasoning) and thinking.text == "Oats." and thinking.opaque is not None
    assert text == Text(text="Now")
    assert isinstance(call, ToolCall) and (call.id, call.arguments) == ("toolu_1", '{"kg":2}')
    assert isinstance(unknown, Text) and unknown.text == "" and unknown.opaque is not None
    assert reply.usage == Usage(input=10, cache_read=5, cache_write=7, output=20, reasoning=30)
    assert (reply.finish, reply.raw_finish) == ("tool_calls", "tool_use")


def test_a_reply_survives_its_own_wire_and_the_sdk() -> None:
    body = {**REPLY, "content": REPLY["content"][:3]}  # type: ignore[index]
    encoded = anthropic.encode_response(anthropic.decode_response(msgspec.json.encode(body)), ASKED)
    message = read_message(encoded.body)
    assert (message.id, message.model, message.stop_reason) == ("msg_abc", "mine/sonnet", "tool_use")
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.usage.output_tokens == 50
    assert message.usage.cache_creation_input_tokens == 7
    assert encoded.dropped == ()


@pytest.mark.parametrize(
    ("raw", "finish"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("compaction", "pause"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context"),
    ],
)
def test_stop_reasons_survive(raw: str, finish: FinishReason) -> None:
    body = msgspec.json.encode({"content": [], "stop_reason": raw, "stop_sequence": "END"})
    reply = anthropic.decode_response(body)
    assert (reply.finish, reply.stop_sequence) == (finish, "END")
    assert told(reply)["stop_reason"] == raw


@pytest.mark.parametrize(
    ("finish", "raw", "stop_reason"),
    [
        ("stop", "stop", "end_turn"),
        ("length", "length", "max_tokens"),
        ("content_filter", "content_filter", "refusal"),
        ("tool_calls", "tool_calls", "tool_use"),
        ("unknown", "novel", "end_turn"),
    ],
)
def test_finish_reasons_of_other_wires(finish: FinishReason, raw: str, stop_reason: str) -> None:
    assert told(Reply(finish=finish, raw_finish=raw))["stop_reason"] == stop_reason


def test_stop_beside_a_call_becomes_tool_use() -> None:
    reply = Reply(parts=(ToolCall(id="", name="f"), ToolCall(id="", name="f")), finish="stop")
    body = told(reply)
    assert body["stop_reason"] == "tool_use"
    content = body["content"]
    assert isinstance(content, list)
    assert [block["id"] for block in content] == ["toolu_abc_0", "toolu_abc_1"]


def test_foreign_reasoning_is_thinking_and_never_text() -> None:
    foreign = Origin("v", GEMINI, "m")
    parts = (
        Reasoning(text="secret", opaque=b'{"s":1}', origin=foreign),
        Reasoning(opaque=b'{"s":2}', origin=foreign),
        Refusal(text="No."),
        Media(kind="image", data="AAAA"),
    )
    encoded = anthropic.encode_response(Reply(parts=parts, finish="stop"), ASKED)
    message = read_message(encoded.body)
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert "secret" not in str([block for block in message.content if block.type == "text"])
    assert encoded.dropped == ("message.content[].opaque", "message.reasoning.opaque")
    assert anthropic.decode_response(encoded.body).parts[0] == Reasoning(text="secret")


def test_usage_is_always_numbers() -> None:
    assert told(Reply(finish="stop"))["usage"] == {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }


def test_a_reply_that_failed_midway_has_no_good_form() -> None:
    with pytest.raises(UpstreamBroken):
        anthropic.encode_response(Reply(finish="error"), ASKED)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"content":5}', b'{"content":[{"text":"x"}]}'])
def test_what_is_no_reply_is_garbled(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        anthropic.decode_response(body)
    with pytest.raises(UpstreamGarbled):
        anthropic.decode_count_tokens_reply(body)


@pytest.mark.slow
@given(replies())
def test_a_reply_keeps_its_parts(reply: Reply) -> None:
    after = anthropic.decode_response(anthropic.encode_response(reply, ASKED).body)
    assert after.parts == reply.parts
    assert after.usage == reply.usage


def test_errors_are_read_with_their_retry_hints() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}'
    error = anthropic.decode_error(529, {"Retry-After-Ms": "1500", "X-Should-Retry": "true", "Server": "x"}, body)
    assert (error.status, error.kind, error.message, error.body) == (529, "overloaded_error", "Overloaded", body)
    assert error.retry_after == 1.5
    assert error.headers == {"retry-after-ms": "1500", "x-should-retry": "true"}


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b'{"error":"flat"}', b"\xff\xfe", b"[]"])
def test_errors_of_any_shape_have_a_message(body: bytes) -> None:
    error = anthropic.decode_error(502, {"retry-after": "7"}, body)
    assert error.message
    assert (error.status, error.retry_after) == (502, 7.0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unsupported("x"), "invalid_request_error"),
        (Unauthorized("x"), "authentication_error"),
        (UpstreamRefused("x", status=402), "billing_error"),
        (Forbidden("x"), "permission_error"),
        (ModelNotFound("x"), "not_found_error"),
        (RequestTooLarge("x"), "request_too_large"),
        (QueueFull("x"), "rate_limit_error"),
        (UpstreamBroken("x"), "api_error"),
        (UpstreamTimeout("x"), "timeout_error"),
        (UpstreamRefused("x", status=529), "overloaded_error"),
        (UpstreamRefused("x", status=422, kind="weird"), "invalid_request_error"),
        (Cancelled("x"), "invalid_request_error"),
        (Draining("x"), "api_error"),
        (HostlerError("x"), "api_error"),
    ],
)
def test_errors_are_told_in_the_wires_shape(error: HostlerError, kind: str) -> None:
    assert msgspec.json.decode(anthropic.encode_error(error, "req_7")) == {
        "type": "error",
        "error": {"type": kind, "message": "x"},
        "request_id": "req_7",
    }


def test_the_hint_is_part_of_the_message() -> None:
    body = msgspec.json.decode(anthropic.encode_error(ModelNotFound("No such model.", hint="Try m."), "r"))
    assert body["error"]["message"] == "No such model. Try m."


@pytest.mark.parametrize("body", [b'{"message":"Too many of them."}', b'{"detail":"Too many of them."}'])
def test_an_error_of_a_gateway_before_the_vendor_says_what_it_says(body: bytes) -> None:
    assert anthropic.decode_error(429, {}, body).message == "Too many of them."
