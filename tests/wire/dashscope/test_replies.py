"""Replies and streams of the wire, read from the vendor and written for clients; a broken one is never a whole one.

The exchanges are of our own making, after the published formats.
"""

from itertools import accumulate
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import (
    Delta,
    Failed,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
    fold,
    unfold,
)
from hostler.core.messages import Origin, Part, Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import Asked, ChatRequest, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.errors import HostlerError, QueueFull, Unauthorized, UpstreamBroken, UpstreamGarbled, UpstreamRefused
from hostler.wire import dashscope
from hostler.wire.dashscope.request import CUMULATIVE
from hostler.wire.dialects import PLAIN, Dialect
from tests.wire.strategies import cuts, replies

ASKED = Asked("a/model", "r1", 1_763_630_000)
REPEATING = Asked("a/model", "r1", 0, request=ChatRequest(model="m", messages=(), extra={CUMULATIVE: False}))
OWN = Origin("", "dashscope", "")
USAGE = {
    "input_tokens": 30, "output_tokens": 9, "total_tokens": 39, "prompt_tokens_details": {"cached_tokens": 20},
    "output_tokens_details": {"reasoning_tokens": 4},
}  # fmt: skip


def event(data: object, name: str = "result", status: int = 200) -> bytes:
    return b"id:1\nevent:%s\n:HTTP_STATUS/%d\ndata:%s\n\n" % (name.encode(), status, msgspec.json.encode(data))


def frame(content: object = "", finish: object = "null", usage: object = None, **message: object) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    counts = {} if usage is None else {"usage": usage}
    return {"output": {"choices": [choice]}, "request_id": "req-1", **counts}


def piece(content: object = "", finish: object = "null", usage: object = None, **message: object) -> bytes:
    return event(frame(content, finish, usage, **message))


def call(arguments: object, name: str = "", id_: str = "", index: int | None = 0) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {**place, "id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def repeating(texts: list[str], *, finish: str = "stop", key: str = "content") -> bytes:
    """A stream of pieces that repeat all before them, the last one the whole."""
    whole = list(accumulate(texts))
    body = b"".join(piece(**{key: text}) for text in whole)
    return body + piece(finish=finish, **{key: whole[-1]})  # pyright: ignore[reportArgumentType]


OSLO, ROME = '{"city":"Oslo"}', '{"city":"Rome"}'
CALLS = (ToolCall(id="a", name="weather", arguments=OSLO), ToolCall(id="b", name="weather", arguments=ROME))

EXCHANGES: dict[str, tuple[bytes, tuple[Part, ...], FinishReason, Usage]] = {
    "text": (
        piece("A hostler ", usage={"input_tokens": 30}) + piece("tends 🐴") + piece("", "stop", USAGE),
        (Text(text="A hostler tends 🐴"),),
        "stop",
        Usage(input=10, cache_read=20, output=5, reasoning=4),
    ),
    "text that repeats": (
        repeating(["A ", "hostler ", "tends ", "🐴 all", " day"]),
        (Text(text="A hostler tends 🐴 all day"),),
        "stop",
        Usage(),
    ),
    "thinking": (
        piece(reasoning_content="Ho") + piece(reasoning_content="rses.") + piece("Oats.") + piece("", "length"),
        (Reasoning(text="Horses."), Text(text="Oats.")),
        "length",
        Usage(),
    ),
    "thinking that repeats": (
        piece(reasoning_content="Ho") + piece(reasoning_content="Horses.")
        + piece("Oa", reasoning_content="Horses.") + piece("Oats.", "stop", reasoning_content="Horses."),
        (Reasoning(text="Horses."), Text(text="Oats.")),
        "stop",
        Usage(),
    ),
    "calls in fragments": (
        piece(tool_calls=[call("", "weather", "a")]) + piece(tool_calls=[call('{"city":')])
        + piece(tool_calls=[call('"Oslo"}')]) + piece(tool_calls=[call(ROME, "weather", "b", index=1)])
        + piece("", "tool_calls"),
        CALLS,
        "tool_calls",
        Usage(),
    ),
    "calls that repeat": (
        piece(tool_calls=[call('{"ci', "weather", "a")]) + piece(tool_calls=[call(OSLO, "weather", "a")])
        + piece("", "tool_calls", tool_calls=[call(OSLO, "weather", "a"), call(ROME, "weather", "b", index=1)]),
        CALLS,
        "tool_calls",
        Usage(),
    ),
    "whole calls without index, all index 0, arguments as objects": (
        piece(tool_calls=[call({"city": "Oslo"}, "weather", "a", index=None)])
        + piece(tool_calls=[call({"city": "Rome"}, "weather", "b")]) + piece("", "stop"),
        CALLS,
        "tool_calls",
        Usage(),
    ),
    "a call without arguments or id": (
        piece("Now.") + piece("", "tool_calls", tool_calls=[call(None, "now")]),
        (Text(text="Now."), ToolCall(id="call_req-1_0", name="now")),
        "tool_calls",
        Usage(),
    ),
    "contents in parts": (
        piece([{"text": "Two "}]) + piece([{"text": "cats."}, {"image": "x"}]) + piece([], "stop"),
        (Text(text="Two cats."),),
        "stop",
        Usage(),
    ),
    "the form of before": (
        event({"output": {"text": "Ha", "finish_reason": "null"}, "request_id": "req-1"})
        + event({"output": {"text": "Hay", "finish_reason": "stop"}, "usage": {"input_tokens": 3}}),
        (Text(text="Hay"),),
        "stop",
        Usage(input=3),
    ),
    "a reason of null, and one that nobody knows": (
        piece("Hay", None) + piece("", "bored"),
        (Text(text="Hay"),),
        "unknown",
        Usage(),
    ),
    "comments, and an end mark": (
        b": ping\n\n" + piece("Hay") + event({"request_id": "req-1"}) + piece("", "stop") + b"data: [DONE]\n\n",
        (Text(text="Hay"),),
        "stop",
        Usage(),
    ),
}  # fmt: skip


def decode(body: bytes, dialect: Dialect = PLAIN) -> list[Delta]:
    decoder = dashscope.stream_decoder(dialect)
    return [*decoder.feed(body), *decoder.flush(), *decoder.feed(body), *decoder.flush()]


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_stream_is_read(name: str) -> None:
    body, parts, finish, usage = EXCHANGES[name]
    reply = fold(decode(body))
    assert (reply.parts, reply.finish, reply.usage, reply.id) == (parts, finish, usage, "req-1")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXCHANGES)
@given(st.data())
def test_any_cut_gives_the_same_deltas(name: str, data: st.DataObject) -> None:
    body = EXCHANGES[name][0]
    decoder = dashscope.stream_decoder()
    read = [delta for part in data.draw(cuts(body)) for delta in decoder.feed(part)]
    assert [*read, *decoder.flush()] == decode(body)


def test_a_dialect_that_repeats_is_read_without_waiting() -> None:
    body = repeating(["a", "b", "c"])
    texts = [delta.text for delta in decode(body, Dialect(incremental_output=False)) if isinstance(delta, TextDelta)]
    assert texts == ["a", "b", "c"]
    forced = fold(decode(piece("One ") + piece("two.") + piece("", "stop"), Dialect(incremental_output=False)))
    assert forced.text == "One two."


@pytest.mark.parametrize("body", [piece("Hay"), piece("Hay") + piece("", "stop")[:-30], b"", b": ping\n\n"])
def test_a_stream_without_a_finish_reason_broke(body: bytes) -> None:
    *_, failed = decode(body)
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamBroken)


@pytest.mark.parametrize(
    "data", [b"<html>", b"[1]", b'{"output":7}', b'{"output":{"choices":[{"message":{"tool_calls":1}}]}}']
)
def test_an_event_that_is_no_piece_is_garbled(data: bytes) -> None:
    *_, failed = decode(piece("Hay") + b"data:" + data + b"\n\n")
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamGarbled)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("Throttling.RateQuota", 429),
        ("InvalidApiKey", 401),
        ("Arrearage", 402),
        ("ModelNotFound", 404),
        ("InvalidParameter", 400),
        ("DataInspectionFailed", 400),
        ("RequestTimeOut", 504),
        ("InternalError.Algo", 500),
        ("ServiceUnavailable", 503),
        ("Surprise", 502),
    ],
)
def test_an_error_within_a_stream_is_one(code: str, status: int) -> None:
    error = {"code": code, "message": "No.", "request_id": "req-1"}
    for ending in (event(error, "error", 400), event(error), event({**error, "output": None})):
        *_, failed = decode(piece("Hay") + ending)
        assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamRefused)
        assert (failed.error.status, failed.error.message, failed.error.kind) == (status, "No.", code)
    with pytest.raises(UpstreamRefused, match=r"No\."):
        dashscope.decode_response(msgspec.json.encode(error))


def test_an_error_event_may_hold_anything() -> None:
    [failed] = decode(b"event:error\ndata:it broke\n\n")
    assert isinstance(failed, Failed) and failed.error.message == "it broke"


def test_whole_replies_are_read() -> None:
    body = frame("Hay", "stop", USAGE, reasoning_content="Hm.", tool_calls=[call(OSLO, "weather", "a")])
    reply = dashscope.decode_response(msgspec.json.encode(body))
    assert reply == Reply(
        id="req-1",
        parts=(
            Reasoning(text="Hm.", origin=OWN),
            Text(text="Hay", origin=OWN),
            ToolCall(id="a", name="weather", arguments=OSLO, origin=OWN),
        ),
        finish="tool_calls",
        raw_finish="stop",
        usage=Usage(input=10, cache_read=20, output=5, reasoning=4),
    )
    old = dashscope.decode_response(b'{"output":{"text":"Hay","finish_reason":"length"},"request_id":"r"}')
    assert (old.text, old.finish) == ("Hay", "length")
    assert dashscope.decode_response(msgspec.json.encode(frame([{"text": "a"}, {"text": "b"}], "stop"))).text == "ab"


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"input_tokens": 30, "output_tokens": 9}, Usage(input=30, output=9)),
        ({"input_tokens": 30, "prompt_tokens_details": {"cached_tokens": 5, "cache_creation_input_tokens": 15}},
         Usage(input=10, cache_read=5, cache_write=15)),
        ({"input_tokens": 30, "prompt_tokens_details": {"cache_creation": {"ephemeral_5m_input_tokens": 30}}},
         Usage(input=0, cache_write=30)),
        ({"input_tokens": 3, "cached_tokens": 5}, Usage(input=3, cache_read=5)),  # a model that leaves it out
        ({"output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 5}}, Usage(output=3, reasoning=5)),
        ({"input_tokens": "many"}, Usage()),
        (None, Usage()),
    ],
)  # fmt: skip
def test_usage_is_split_into_disjoint_counts(said: object, usage: Usage) -> None:
    assert dashscope.decode_response(msgspec.json.encode(frame("x", "stop", said))).usage == usage


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"<html>", b'{"output":{}}', b'{"output":{"choices":[]}}', b'{"output":1}']
)
def test_what_is_no_reply_is_garbled(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        dashscope.decode_response(body)


@pytest.mark.parametrize("status", [400, 401, 402, 404, 413, 429, 500, 503, 529])
def test_errors_are_read(status: int) -> None:
    body = b'{"code":"Throttling.RateQuota","message":"slow down","request_id":"r"}'
    error = dashscope.decode_error(status, {"Retry-After-Ms": "1500"}, body)
    assert (error.status, error.message, error.kind) == (status, "slow down", "Throttling.RateQuota")
    assert error.retry_after == 1.5


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unauthorized("No."), "InvalidApiKey"),
        (QueueFull("No."), "Throttling"),
        (UpstreamBroken("No."), "InternalError"),
        (UpstreamRefused("No.", status=418), "InvalidParameter"),
    ],
)
def test_errors_are_written(error: HostlerError, code: str) -> None:
    body = msgspec.json.decode(dashscope.encode_error(error, "req_1"))
    assert body == {"code": code, "message": "No.", "request_id": "req_1"}


# ------------------------------------------------------------------------------------------- written for clients

REPLY = Reply(
    parts=(Reasoning(text="hm"), Text(text="line\u2028break 🐴"), ToolCall(id="c1", name="f", arguments='{"a":1}')),
    finish="tool_calls",
    usage=Usage(1, 2, 3, 4, 5),
)
WRITTEN_USAGE = {
    "input_tokens": 6, "output_tokens": 9, "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 2, "cache_creation_input_tokens": 3},
    "output_tokens_details": {"reasoning_tokens": 5},
}  # fmt: skip


def stream_of(deltas: list[Delta], asked: Asked = ASKED) -> list[dict[str, Any]]:
    encoder = dashscope.stream_encoder(asked)
    body = encoder.encode(deltas) + encoder.finish()
    assert "\u2028".encode() not in body
    return [msgspec.json.decode(line[5:]) for line in body.split(b"\n") if line.startswith(b"data:")]


def messages_of(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [frame["output"]["choices"][0]["message"] for frame in frames]


def test_a_whole_reply_is_written() -> None:
    assert msgspec.json.decode(dashscope.encode_response(REPLY, ASKED).body) == {
        "request_id": "r1",
        "output": {"choices": [{"finish_reason": "tool_calls", "index": 0, "message": {
            "role": "assistant", "content": "line\u2028break 🐴", "reasoning_content": "hm", "tool_calls": [
                {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]}}]},
        "usage": WRITTEN_USAGE,
    }  # fmt: skip


def test_a_stream_is_written_piece_by_piece() -> None:
    frames = stream_of(unfold(REPLY))
    first, middle, named, arguments, last = messages_of(frames)
    assert (first["reasoning_content"], middle["content"]) == ("hm", "line\u2028break 🐴")
    assert named["tool_calls"] == [call("", "f", "c1")]
    assert arguments["tool_calls"] == [call('{"a":1}')]
    assert last == {"role": "assistant", "content": ""}
    assert [frame["output"]["choices"][0]["finish_reason"] for frame in frames] == ["null"] * 4 + ["tool_calls"]
    assert ["usage" in frame for frame in frames] == [False] * 4 + [True]
    assert frames[-1]["usage"] == WRITTEN_USAGE


def test_a_stream_repeats_where_the_client_wants_that() -> None:
    *_, last = messages_of(stream_of([TextDelta("a"), TextDelta("b"), *unfold(REPLY)], REPEATING))
    assert (last["content"], last["reasoning_content"]) == ("abline\u2028break 🐴", "hm")
    assert last["tool_calls"] == [call('{"a":1}', "f", "c1")]


def test_calls_that_interleave_custom_ones_and_bare_ones() -> None:
    deltas: list[Delta] = [
        ToolCallStarted(0, "a", "f"), ToolCallStarted(1, "b", "g", custom=True), ToolCallStarted(2, "c", "h"),
        ToolCallDelta(0, '{"x"'), ToolCallDelta(1, "*** "), ToolCallDelta(0, ":1}"), ToolCallDelta(1, "End"),
        ToolCallEnded(0), ToolCallEnded(1), ToolCallEnded(2), Finished("tool_calls"), UsageDelta(Usage(1, output=2)),
    ]  # fmt: skip
    expected = [("a", '{"x":1}'), ("b", '{"input":"*** End"}'), ("c", "{}")]
    for asked in (ASKED, REPEATING):
        encoder = dashscope.stream_encoder(asked)
        reply = fold(decode(encoder.encode(deltas) + encoder.finish()))
        assert [(each.id, each.arguments) for each in reply.tool_calls] == expected


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        ("stop", "stop"),
        ("stop_sequence", "stop"),
        ("length", "length"),
        ("context", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("refusal", "refusal"),
        ("pause", "stop"),
    ],
)
def test_finish_reasons_are_written(finish: FinishReason, word: str) -> None:
    body = msgspec.json.decode(dashscope.encode_response(Reply(finish=finish), ASKED).body)
    assert body["output"]["choices"][0]["finish_reason"] == word
    assert stream_of([Finished(finish)])[-1]["output"]["choices"][0]["finish_reason"] == word


def test_a_reply_that_failed_midway_is_never_whole() -> None:
    with pytest.raises(UpstreamBroken):
        dashscope.encode_response(Reply(finish="error"), ASKED)
    encoder = dashscope.stream_encoder(ASKED)
    *_, failed = decode(encoder.encode([TextDelta("Hay"), Finished("error")]) + encoder.finish())
    assert isinstance(failed, Failed)


def test_opaque_state_never_goes_out_and_is_named() -> None:
    other = Origin("p", "anthropic", "m")
    parts = (Reasoning(text="hm", origin=other, opaque=b"S3CRET"), Text(text="x", origin=other, opaque=b"S3CRET"))
    encoded = dashscope.encode_response(Reply(parts=parts, finish="stop"), ASKED)
    assert b"S3CRET" not in encoded.body
    assert encoded.dropped == ("message.content[].opaque", "message.reasoning.opaque")
    encoder = dashscope.stream_encoder(ASKED)
    body = encoder.encode([ReasoningDelta("hm"), ReasoningSealed(b"S3CRET"), TextDelta("x"), PartEnded(b"S3CRET")])
    assert b"S3CRET" not in body
    assert encoder.dropped == {"message.content[].opaque", "message.reasoning.opaque"}


def test_a_refusal_is_text_and_an_unknown_prompt_is_our_own_count() -> None:
    asked = Asked("m", "r", 0, prompt_tokens=42)
    body = msgspec.json.decode(
        dashscope.encode_response(Reply(parts=(Refusal(text="No."),), finish="stop"), asked).body
    )
    assert body["output"]["choices"][0]["message"]["content"] == "No."
    assert body["usage"] == {"input_tokens": 42, "output_tokens": 0, "total_tokens": 42}


@pytest.mark.slow
@pytest.mark.parametrize("asked", [ASKED, REPEATING], ids=["new", "repeating"])
@given(replies())
def test_a_reply_comes_back_as_it_went_out(asked: Asked, reply: Reply) -> None:
    encoder = dashscope.stream_encoder(asked)
    body = encoder.encode(unfold(reply)) + encoder.finish()
    dialect = Dialect(incremental_output=asked is ASKED)
    for back in (dashscope.decode_response(dashscope.encode_response(reply, asked).body), fold(decode(body, dialect))):
        assert back.text == reply.text
        assert "".join(p.text for p in back.parts if isinstance(p, Reasoning)) == "".join(
            p.text for p in reply.parts if isinstance(p, Reasoning)
        )
        assert [(c.id, c.name, c.arguments) for c in back.tool_calls] == [
            (c.id, c.name, c.arguments) for c in reply.tool_calls
        ]
        assert (back.finish, back.usage) == (reply.finish, reply.usage)
