"""Whole replies and errors, both ways."""

import msgspec
import pytest

from hostler.core.messages import Media, Origin, Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.core.wires import GEMINI
from hostler.errors import (
    Forbidden,
    HostlerError,
    ModelNotFound,
    QueueFull,
    RequestTooLarge,
    Unauthorized,
    UpstreamBroken,
    UpstreamGarbled,
    UpstreamRefused,
    UpstreamTimeout,
    WireError,
)
from hostler.wire.gemini import decode_error, decode_response, encode_error, encode_response

ASKED = Asked("mine/model", "abc", 1_700_000_000)
OURS = Origin("", GEMINI, "")


def test_a_whole_reply() -> None:
    parts = [
        {"text": "hm", "thought": True},
        {"text": "Oats."},
        {"functionCall": {"name": "f", "args": {"n": 1.50}}, "thoughtSignature": "c2ln"},
    ]
    body = {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 9, "cachedContentTokenCount": 4, "candidatesTokenCount": 3},
        "modelVersion": "gemini-3-pro",
        "responseId": "r-1",
    }
    reply = decode_response(msgspec.json.encode(body))
    assert reply == Reply(
        id="r-1",
        model="gemini-3-pro",
        parts=(
            Reasoning(text="hm", origin=OURS),
            Text(text="Oats.", origin=OURS),
            ToolCall(
                id="call_r-1_0", name="f", arguments='{"n":1.5}', origin=OURS, opaque=b'{"thoughtSignature":"c2ln"}'
            ),
        ),
        finish="tool_calls",
        raw_finish="STOP",
        usage=Usage(input=5, cache_read=4, output=3),
    )


@pytest.mark.parametrize("word", ["SAFETY", "OTHER", "BLOCK_REASON_UNSPECIFIED"])
def test_a_blocked_prompt_is_a_reply_without_parts(word: str) -> None:
    reply = decode_response(b'{"promptFeedback":{"blockReason":"%b"}}' % word.encode())
    assert (reply.parts, reply.finish, reply.raw_finish) == ((), "content_filter", word)


@pytest.mark.parametrize("body", [b"", b"oops", b"[", b"7", b"{}", b'{"candidates":[]}', b'{"candidates":"x"}', b"[1]"])
def test_what_is_no_reply_is_garbled(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        decode_response(body)


def test_an_error_in_a_200_is_a_refusal() -> None:
    with pytest.raises(UpstreamRefused, match="overloaded") as caught:
        decode_response(b'{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}')
    assert caught.value.status == 503


def test_a_reply_for_a_client() -> None:
    reply = Reply(
        parts=(
            Reasoning(text="hm"),
            Text(text="Oats."),
            Refusal(text="No."),
            ToolCall(id="a", name="f", arguments='{"n":1}'),
            ToolCall(id="b", name="p", arguments="text", custom=True),
        ),
        finish="tool_calls",
        usage=Usage(1, 2, 3, 4, 5),
    )
    encoded = encode_response(reply, ASKED)
    body = msgspec.json.decode(encoded.body)
    [candidate] = body["candidates"]
    assert candidate["content"] == {
        "role": "model",
        "parts": [
            {"text": "hm", "thought": True},
            {"text": "Oats."},
            {"text": "No."},
            {"functionCall": {"id": "a", "name": "f", "args": {"n": 1}}},
            {"functionCall": {"id": "b", "name": "p", "args": {"input": "text"}}},
        ],
    }
    assert (candidate["finishReason"], body["modelVersion"], body["responseId"]) == ("STOP", "mine/model", "abc")
    assert body["usageMetadata"]["totalTokenCount"] == 15
    assert encoded.dropped == ()


def test_an_empty_reply_still_has_a_part() -> None:
    body = msgspec.json.decode(encode_response(Reply(finish="content_filter"), ASKED).body)
    assert body["candidates"][0] == {
        "content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "SAFETY", "index": 0,
    }  # fmt: skip


def test_what_a_client_cannot_get_is_named() -> None:
    foreign = b'{"type":"thinking"}'
    parts = (
        Reasoning(text="hm", opaque=foreign),
        Text(text="x", opaque=foreign),
        ToolCall(id="a", name="f", arguments="{", opaque=foreign),
        Media(kind="image", data="AAAA"),
    )
    encoded = encode_response(Reply(parts=parts, finish="stop"), ASKED)
    assert b"AAAA" not in encoded.body
    assert encoded.dropped == (
        "message.content[].opaque",
        "message.reasoning.opaque",
        "message.tool_calls[].arguments",
        "message.tool_calls[].opaque",
    )


def test_a_reply_that_failed_midway_has_no_good_form() -> None:
    with pytest.raises(UpstreamBroken):
        encode_response(Reply(parts=(Text(text="Half"),), finish="error"), ASKED)


STATUSES = [
    (400, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (402, "FAILED_PRECONDITION"), (403, "PERMISSION_DENIED"),
    (404, "NOT_FOUND"), (413, "INVALID_ARGUMENT"), (429, "RESOURCE_EXHAUSTED"), (500, "INTERNAL"),
    (503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED"), (529, "UNAVAILABLE"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "word"), STATUSES)
def test_an_upstreams_error(status: int, word: str) -> None:
    body = msgspec.json.encode({"error": {"code": status, "message": "because", "status": word}})
    error = decode_error(status, {"Retry-After": "3"}, body)
    assert (error.status, error.message, error.kind, error.body) == (status, "because", word, body)
    assert (error.retry_after, error.headers) == (3, {"retry-after": "3"})


def info(delay: str) -> bytes:
    details = [
        {"@type": "x/google.rpc.Help"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    ]
    return msgspec.json.encode([{"error": {"message": "quota", "status": "RESOURCE_EXHAUSTED", "details": details}}])


@pytest.mark.parametrize(("delay", "seconds"), [("34.074824224s", 34.074824224), ("5s", 5), ("soon", None), ("", None)])
def test_the_time_to_wait_stands_in_the_body(delay: str, seconds: float | None) -> None:
    assert decode_error(429, {}, info(delay)).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "status 502"),
        (b"plain words", "plain words"),
        (b"<html><title>Bad Gateway</title></html>", "Bad Gateway"),
        (b'{"error":"just text"}', "just text"),
        (b"[]", r"\[\]"),
    ],
)
def test_errors_in_other_forms(body: bytes, message: str) -> None:
    with pytest.raises(UpstreamRefused, match=message):
        raise decode_error(502, {}, body)


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (WireError("x"), 400, "INVALID_ARGUMENT"),
        (Unauthorized("x"), 401, "UNAUTHENTICATED"),
        (Forbidden("x"), 403, "PERMISSION_DENIED"),
        (ModelNotFound("x"), 404, "NOT_FOUND"),
        (RequestTooLarge("x"), 413, "INVALID_ARGUMENT"),
        (QueueFull("x"), 429, "RESOURCE_EXHAUSTED"),
        (UpstreamTimeout("x"), 504, "DEADLINE_EXCEEDED"),
        (UpstreamRefused("x", status=529), 529, "UNAVAILABLE"),
        (UpstreamRefused("x", status=402), 402, "FAILED_PRECONDITION"),
        (UpstreamRefused("x", status=400, kind="OUT_OF_RANGE"), 400, "OUT_OF_RANGE"),
    ],
)
def test_our_errors(error: HostlerError, code: int, word: str) -> None:
    said = msgspec.json.decode(encode_error(error, "req_1"))["error"]
    assert (said["code"], said["message"], said["status"]) == (code, "x", word)
    assert {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "req_1"} in said["details"]


@pytest.mark.parametrize(("seconds", "delay"), [(5, "5s"), (0.25, "0.25s"), (100, "100s"), (0, "0s")])
def test_our_hint_to_wait(seconds: float, delay: str) -> None:
    body = encode_error(QueueFull("x", retry_after=seconds), "")
    details = msgspec.json.decode(body)["error"]["details"]
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay} in details
    assert decode_error(429, {}, body).retry_after == seconds
