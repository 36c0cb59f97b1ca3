"""Whole replies of the Responses wire, both ways, and its errors."""

import msgspec
import openai
import pytest
from hypothesis import given

from hostler.core.messages import Origin, Reasoning, Refusal, Text, ToolCall, visible_text
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.core.wires import OPENAI_RESPONSES
from hostler.errors import HostlerError, QueueFull, Unauthorized, UpstreamBroken, UpstreamGarbled, UpstreamRefused
from hostler.wire import openai_responses as wire
from tests.wire.openai_responses.judge import client, read_response
from tests.wire.strategies import replies

Json = dict[str, object]
ASKED = Asked("mine/model", "r1", 1_763_630_000)
OURS = Origin("", OPENAI_RESPONSES, "")
WORDS: Json = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
}


def given_reply(*output: object, **fields: object) -> Reply:
    """The reply that a response with this output is."""
    body: Json = {"id": "resp_1", "object": "response", "model": "v", "status": "completed", "output": list(output)}
    return wire.decode_response(msgspec.json.encode(body | fields))


def test_text() -> None:
    reply = given_reply(WORDS)
    assert reply.parts == (Text(text="Hello"),)
    assert (reply.id, reply.model, reply.finish, reply.raw_finish) == ("resp_1", "v", "stop", "completed")


def test_parallel_calls_one_without_arguments_one_free_form_one_broken() -> None:
    reply = given_reply(
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""},
        {"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": "text"},
        {"type": "function_call", "call_id": "c3", "name": "g", "arguments": '{"a":'},
    )
    assert reply.tool_calls == (
        ToolCall(id="c1", name="f"),
        ToolCall(id="c2", name="p", arguments="text", custom=True),
        ToolCall(id="c3", name="g", arguments='{"a":'),
    )
    assert reply.finish == "tool_calls"


def test_calls_without_ids_get_different_ones() -> None:
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    first, second = given_reply(call, call).tool_calls
    assert first.id and second.id and first.id != second.id


@pytest.mark.parametrize(
    ("item", "text", "sealed"),
    [
        ({"summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]}, "a\n\nb", False),
        ({"summary": [], "content": [{"type": "reasoning_text", "text": "raw"}]}, "raw", False),
        ({"summary": [], "encrypted_content": "gAAA"}, "", True),
        ({"summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "gAAA"}, "a", True),
    ],
)
def test_reasoning_in_every_form(item: Json, text: str, sealed: bool) -> None:
    [part, _] = given_reply({"type": "reasoning", "id": "rs_1", **item}, WORDS).parts
    assert isinstance(part, Reasoning) and part.text == text
    assert (part.opaque is not None) == sealed == (part.origin == OURS)


def test_a_phase_and_items_that_nobody_knows_are_kept_whole() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    reply = given_reply(search, {**WORDS, "phase": "final_answer"})
    unknown, text = reply.parts
    assert isinstance(unknown, Text) and (unknown.text, msgspec.json.decode(unknown.opaque or b"")) == ("", search)
    assert isinstance(text, Text) and text.text == "Hello" and b"final_answer" in (text.opaque or b"")
    again = msgspec.json.decode(wire.encode_response(reply, ASKED).body)["output"]
    assert (again[0], again[1]["phase"]) == (search, "final_answer")


@pytest.mark.parametrize(
    ("fields", "finish", "raw"),
    [
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
            "max_output_tokens",
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
            "content_filter",
        ),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "unknown", "steered"),
        ({"status": "incomplete"}, "unknown", "incomplete"),
        ({"status": "in_progress"}, "unknown", "in_progress"),
        ({"status": None}, "stop", ""),
    ],
)
def test_finish_reasons(fields: Json, finish: str, raw: str) -> None:
    reply = given_reply(WORDS, **({"status": "incomplete"} | fields))
    assert (reply.finish, reply.raw_finish) == (finish, raw)


def test_a_refusal() -> None:
    reply = given_reply({**WORDS, "content": [{"type": "refusal", "refusal": "No."}]})
    assert (reply.parts, reply.finish) == ((Refusal(text="No."),), "refusal")


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        (
            {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "output_tokens": 50,
                "output_tokens_details": {"reasoning_tokens": 20},
                "total_tokens": 150,
            },
            Usage(10, 60, 30, 30, 20),
        ),
        ({"input_tokens": 7, "output_tokens": 3}, Usage(7, None, None, 3, None)),
        (  # a vendor that leaves reasoning out of the output
            {
                "input_tokens": 5,
                "output_tokens": 2,
                "output_tokens_details": {"reasoning_tokens": 9},
                "total_tokens": 16,
            },
            Usage(5, None, None, 2, 9),
        ),
        (None, Usage()),
    ],
)
def test_usage_becomes_five_disjoint_counts(said: Json | None, usage: Usage) -> None:
    assert given_reply(WORDS, usage=said).usage == usage


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"object":"response"}', b'{"output":[3]}', b'{"output":{}}'])
def test_what_is_no_reply_is_garbled(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        wire.decode_response(body)


@pytest.mark.parametrize(
    ("code", "status"), [("rate_limit_exceeded", 429), ("server_error", 500), ("invalid_prompt", 400), ("novel", 502)]
)
def test_a_failed_response_is_an_error(code: str, status: int) -> None:
    with pytest.raises(UpstreamRefused, match="Sorry") as caught:
        given_reply(status="failed", error={"code": code, "message": "Sorry."})
    assert (caught.value.status, caught.value.kind) == (status, code)
    with pytest.raises(UpstreamRefused):
        given_reply(status="cancelled")


@pytest.mark.parametrize("status", [400, 401, 402, 404, 413, 429, 500, 529])
def test_error_bodies(status: int) -> None:
    body = b'{"error":{"message":"Why.","type":"some_error","param":null,"code":"a_code"}}'
    error = wire.decode_error(status, {"Retry-After": "3"}, body)
    assert (error.status, error.message, error.kind, error.retry_after) == (status, "Why.", "a_code", 3.0)


@pytest.mark.parametrize(
    ("error", "expected"), [(Unauthorized("x"), openai.AuthenticationError), (QueueFull("x"), openai.RateLimitError)]
)
def test_the_sdk_reads_our_errors(error: HostlerError, expected: type[openai.APIStatusError]) -> None:
    body = wire.encode_error(error, "req_1")
    with client(body, status=error.status, stream=False) as sdk, pytest.raises(expected) as caught:
        sdk.responses.create(model="m", input="hi")
    assert caught.value.code == error.code


def test_the_sdk_reads_a_whole_reply() -> None:
    reply = Reply(
        parts=(Reasoning(text="hm"), Text(text="Hi"), ToolCall(id="c1", name="f"), ToolCall(id="", name="f")),
        finish="tool_calls",
        usage=Usage(1, 2, 3, 4, 5),
    )
    with client(wire.encode_response(reply, ASKED).body, stream=False) as sdk:
        read = sdk.responses.create(model="m", input="hi")
    assert (read.output_text, read.status, read.model) == ("Hi", "completed", "mine/model")
    calls = [item for item in read.output if item.type == "function_call"]
    assert [(call.name, call.arguments) for call in calls] == [("f", "{}"), ("f", "{}")]
    assert calls[0].call_id == "c1" and calls[1].call_id not in ("", "c1")
    assert read.usage is not None
    assert (read.usage.input_tokens, read.usage.output_tokens, read.usage.total_tokens) == (6, 9, 15)
    assert (read.usage.input_tokens_details.cached_tokens, read.usage.output_tokens_details.reasoning_tokens) == (2, 5)


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("context", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("refusal", "incomplete", "content_filter"),
    ],
)
def test_how_a_reply_ended_is_told(finish: str, status: str, reason: str | None) -> None:
    reply = Reply(parts=(Text(text="x"),), finish=finish)  # pyright: ignore[reportArgumentType]
    read = read_response(wire.encode_response(reply, ASKED).body)
    assert read.status == status
    assert (read.incomplete_details.reason if read.incomplete_details else None) == reason


def test_a_refusal_in_words_needs_no_other_sign() -> None:
    body = wire.encode_response(Reply(parts=(Refusal(text="No."),), finish="refusal"), ASKED).body
    assert read_response(body).status == "completed"
    assert wire.decode_response(body).finish == "refusal"


def test_a_reply_that_failed_midway_has_no_good_form() -> None:
    with pytest.raises(UpstreamBroken):
        wire.encode_response(Reply(parts=(Text(text="x"),), finish="error"), ASKED)


def test_other_wires_opaque_state_is_named_and_not_shown() -> None:
    parts = (
        Reasoning(text="hm", opaque=b'{"type":"thinking","signature":"S3CRET"}'),
        Reasoning(redacted=True, opaque=b'{"type":"redacted_thinking","data":"S3CRET"}'),
        Text(text="a", opaque=b'{"type":"text","citations":["S3CRET"]}'),
        Text(text="", opaque=b'{"type":"server_tool_use","id":"S3CRET"}'),
        Text(text="b"),
    )
    encoded = wire.encode_response(Reply(parts=parts, finish="stop"), ASKED)
    assert b"S3CRET" not in encoded.body
    assert encoded.dropped == ("message.content[].opaque", "message.reasoning.opaque")
    assert read_response(encoded.body).output_text == "ab"


@pytest.mark.slow
@given(replies())
def test_replies_follow_the_published_schema_and_come_back(reply: Reply) -> None:
    body = wire.encode_response(reply, ASKED).body
    assert read_response(body).output_text == visible_text(reply.parts)
    again = wire.decode_response(body)
    assert again.usage[:5] == reply.usage[:5]
    assert [type(part) for part in again.parts] == [type(part) for part in reply.parts]
    assert again.text == reply.text
    assert [(c.id, c.name, c.arguments) for c in again.tool_calls] == [
        (c.id, c.name, c.arguments) for c in reply.tool_calls
    ]
