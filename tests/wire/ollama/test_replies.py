"""Replies and streams of the wire, read from servers and written for clients; a broken one is never a whole one.

The exchanges are of our own making, after the published formats.
"""

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
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
    fold,
    unfold,
)
from hostler.core.embeddings import EmbeddingReply, EmbeddingRequest
from hostler.core.messages import Origin, Part, Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import Asked, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.errors import ModelNotFound, UpstreamBroken, UpstreamGarbled, UpstreamRefused, WireError
from hostler.wire import ollama
from tests.wire.strategies import cuts, replies

ASKED = Asked("a/model", "r1", 1_763_630_000)
HEAD = {"model": "a/model", "created_at": "2025-11-20T09:13:20Z"}
OWN = Origin("", "ollama", "")


def frame(**fields: object) -> bytes:
    return msgspec.json.encode({"model": "llama", "created_at": "2026-11-20T10:00:00.123456789Z", **fields}) + b"\n"


def piece(content: str = "", **message: object) -> bytes:
    return frame(message={"role": "assistant", "content": content, **message}, done=False)


def last(reason: str | None = "stop", **fields: object) -> bytes:
    word = {} if reason is None else {"done_reason": reason}
    return frame(message={"role": "assistant", "content": ""}, done=True, **word, **fields)


CALL = {"function": {"name": "weather", "arguments": {"city": "Oslo"}}}
COUNTS: dict[str, Any] = {"total_duration": 9, "prompt_eval_count": 26, "prompt_eval_duration": 4, "eval_count": 282}

EXCHANGES: dict[str, tuple[bytes, tuple[Part, ...], FinishReason, Usage]] = {
    "text": (
        piece("A hostler ") + piece("tends 🐴") + last("stop", **COUNTS),
        (Text(text="A hostler tends 🐴"),),
        "stop",
        Usage(input=26, output=282),
    ),
    "thinking": (
        piece(thinking="Ho") + piece(thinking="rses.") + piece("Oats.") + last("length", eval_count=3),
        (Reasoning(text="Horses."), Text(text="Oats.")),
        "length",
        Usage(output=3),
    ),
    "calls with ids": (
        piece(tool_calls=[{"id": "call_a", **CALL}]) + piece(tool_calls=[{"id": "call_b", **CALL}]) + last(),
        (
            ToolCall(id="call_a", name="weather", arguments='{"city":"Oslo"}'),
            ToolCall(id="call_b", name="weather", arguments='{"city":"Oslo"}'),
        ),
        "tool_calls",
        Usage(),
    ),
    "a call without arguments": (
        piece("Now.", tool_calls=[{"id": "c", "function": {"index": 0, "name": "now"}}]) + last(),
        (Text(text="Now."), ToolCall(id="c", name="now", arguments="{}")),
        "tool_calls",
        Usage(),
    ),
    "arguments as text": (
        piece(tool_calls=[{"id": "c", "function": {"name": "now", "arguments": '{"a":1}'}}]) + last(),
        (ToolCall(id="c", name="now", arguments='{"a":1}'),),
        "tool_calls",
        Usage(),
    ),
    "no reason": (piece("Hay") + last(None), (Text(text="Hay"),), "stop", Usage()),
    "an unknown reason": (piece("Hay") + last("bored"), (Text(text="Hay"),), "unknown", Usage()),
    "text in the last piece": (
        frame(message={"role": "assistant", "content": "Hay"}, done=True, done_reason="stop"),
        (Text(text="Hay"),),
        "stop",
        Usage(),
    ),
    "loaded": (last("load"), (), "stop", Usage()),
    "a prompt's reply": (
        frame(response="Ha", done=False)
        + frame(response="", thinking="Hm.", done=False)
        + frame(response="", done=True, done_reason="stop", context=[1, 2], eval_count=2),
        (Text(text="Ha"), Reasoning(text="Hm.")),
        "stop",
        Usage(output=2),
    ),
}


def decode(body: bytes) -> list[Delta]:
    decoder = ollama.stream_decoder()
    return [*decoder.feed(body), *decoder.flush(), *decoder.feed(body), *decoder.flush()]


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_stream_is_read(name: str) -> None:
    body, parts, finish, usage = EXCHANGES[name]
    reply = fold(decode(body))
    assert (reply.parts, reply.finish, reply.usage, reply.model) == (parts, finish, usage, "llama")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXCHANGES)
@given(st.data())
def test_any_cut_gives_the_same_deltas(name: str, data: st.DataObject) -> None:
    body = EXCHANGES[name][0]
    decoder = ollama.stream_decoder()
    read = [delta for part in data.draw(cuts(body)) for delta in decoder.feed(part)]
    assert [*read, *decoder.flush()] == decode(body)


def test_the_last_line_may_lack_its_end() -> None:
    assert fold(decode((piece("Hay") + last())[:-1])).finish == "stop"


def test_calls_without_ids_get_their_own_which_stay() -> None:
    body = piece(tool_calls=[CALL, CALL]) + last()
    first, second = fold(decode(body)).tool_calls
    assert first.id != second.id
    assert [first.id, second.id] == [call.id for call in fold(decode(body)).tool_calls]
    later = body.replace(b"10:00:00.123", b"10:00:00.124")
    assert {first.id, second.id}.isdisjoint(call.id for call in fold(decode(later)).tool_calls)
    [whole] = ollama.decode_response(msgspec.json.encode({"message": {"tool_calls": [CALL]}, "done": True})).tool_calls
    assert whole.id.startswith("call_")


@pytest.mark.parametrize("body", [piece("Hay"), piece("Hay") + last()[:-20], b"", b"\n"])
def test_a_stream_without_its_last_piece_broke(body: bytes) -> None:
    *_, failed = decode(body)
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamBroken)


@pytest.mark.parametrize("line", [b"<html>\n", b"[1]\n", b'{"message":7}\n', b'{"message":{"content":"\xff"}}\n'])
def test_a_line_that_is_no_piece_is_garbled(line: bytes) -> None:
    *_, failed = decode(piece("Hay") + line + last())
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamGarbled)


@pytest.mark.parametrize(
    ("line", "status", "text"),
    [
        (b'{"error":"model runner has unexpectedly stopped"}', 502, "model runner has unexpectedly stopped"),
        (b'{"error":"slow down","status":429}', 429, "slow down"),
        (b'{"error":{"message":"no","code":503}}', 503, "no"),
        (b'{"error":""}', 502, "The upstream broke off with an empty error."),
    ],
)
def test_an_error_within_a_stream_is_one(line: bytes, status: int, text: str) -> None:
    started, said, failed = decode(piece("Hay") + line + b"\n" + last())
    assert (started, said) == (Started("", "llama"), TextDelta("Hay"))
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamRefused)
    assert (failed.error.status, failed.error.message) == (status, text)
    with pytest.raises(UpstreamRefused, match=text):
        ollama.decode_response(line)


def test_whole_replies_are_read() -> None:
    message = {"role": "assistant", "content": "Hay", "thinking": "Hm.", "tool_calls": [{"id": "c", **CALL}]}
    body = frame(message=message, done=True, done_reason="stop", prompt_eval_count=3.0, eval_count=4)
    assert ollama.decode_response(body) == Reply(
        model="llama",
        parts=(
            Reasoning(text="Hm.", origin=OWN),
            Text(text="Hay", origin=OWN),
            ToolCall(id="c", name="weather", arguments='{"city":"Oslo"}', origin=OWN),
        ),
        finish="tool_calls",
        raw_finish="stop",
        usage=Usage(input=3, output=4),
    )
    prompt = ollama.generate.decode_response(frame(response="Hay", done=True, done_reason="length"))
    assert (prompt.text, prompt.finish) == ("Hay", "length")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"model":"m","done":true}', b'{"message":1}'])
def test_what_is_no_reply_is_garbled(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        ollama.decode_response(body)


@pytest.mark.parametrize("status", [400, 401, 402, 404, 413, 429, 500, 502, 529])
def test_errors_are_read(status: int) -> None:
    error = ollama.decode_error(status, {"Retry-After": "7"}, b'{"error":"model \'x\' not found"}')
    assert (error.status, error.message, error.retry_after) == (status, "model 'x' not found", 7)


def test_a_page_of_a_proxy_is_read_as_an_error() -> None:
    error = ollama.decode_error(502, {}, b"<html><title>Bad gateway</title></html>")
    assert error.message == "Bad gateway"


def test_errors_are_written_as_one_text() -> None:
    assert ollama.encode_error(ModelNotFound("No model 'x'"), "req_1") == b'{"error":"No model \'x\'"}'


# ------------------------------------------------------------------------------------------- written for clients

REPLY = Reply(
    parts=(Reasoning(text="hm"), Text(text="line\u2028break 🐴"), ToolCall(id="c1", name="f", arguments='{"a":1}')),
    finish="tool_calls",
    usage=Usage(1, 2, 3, 4, 5),
)


def stream_of(reply: Reply, *, prompt: bool = False) -> list[dict[str, object]]:
    clock = iter((1000, 1500, 4000))
    encoder = ollama.StreamEncoder(ASKED, prompt=prompt, clock=lambda: next(clock))
    body = encoder.encode(unfold(reply)) + encoder.finish()
    assert "\u2028".encode() not in body
    return [msgspec.json.decode(line) for line in body.splitlines()]


def test_a_whole_reply_is_written() -> None:
    encoded = ollama.encode_response(REPLY, ASKED)
    assert "\u2028".encode() not in encoded.body
    assert msgspec.json.decode(encoded.body) == HEAD | {
        "message": {"role": "assistant", "content": "line\u2028break 🐴", "thinking": "hm", "tool_calls": [
            {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}]},
        "done": True, "done_reason": "stop", "prompt_eval_count": 6, "eval_count": 9,
    }  # fmt: skip


def test_a_stream_is_written() -> None:
    assert stream_of(REPLY) == [
        HEAD | {"message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": False},
        HEAD | {"message": {"role": "assistant", "content": "line\u2028break 🐴"}, "done": False},
        HEAD | {"message": {"role": "assistant", "content": "", "tool_calls": [
            {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}]}, "done": False},
        HEAD | {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop",
                "prompt_eval_count": 6, "eval_count": 9,
                "total_duration": 3000, "prompt_eval_duration": 500, "eval_duration": 2500},
    ]  # fmt: skip


def test_a_prompts_reply_is_written() -> None:
    encoded = ollama.generate.encode_response(REPLY, ASKED)
    assert encoded.dropped == ("message.tool_calls",)
    body = msgspec.json.decode(encoded.body)
    assert (body["response"], body["thinking"], body["done"]) == ("line\u2028break 🐴", "hm", True)
    assert [(line["response"], line.get("thinking")) for line in stream_of(REPLY, prompt=True)] == [
        ("", "hm"), ("line\u2028break 🐴", None), ("", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("finish", "raw", "word"),
    [
        ("stop", "end_turn", "stop"),
        ("stop_sequence", "", "stop"),
        ("length", "max_tokens", "length"),
        ("context", "", "length"),
        ("tool_calls", "tool_calls", "stop"),
        ("content_filter", "SAFETY", "content_filter"),
        ("refusal", "refusal", "refusal"),
        ("pause", "", "stop"),
        ("stop", "load", "load"),
        ("stop", "unload", "unload"),
    ],
)
def test_finish_reasons_are_written(finish: FinishReason, raw: str, word: str) -> None:
    reply = Reply(finish=finish, raw_finish=raw)
    assert msgspec.json.decode(ollama.encode_response(reply, ASKED).body)["done_reason"] == word
    assert stream_of(reply)[-1]["done_reason"] == word


def test_a_reply_that_failed_midway_is_never_whole() -> None:
    with pytest.raises(UpstreamBroken):
        ollama.encode_response(Reply(finish="error"), ASKED)
    encoder = ollama.stream_encoder(ASKED)
    body = encoder.encode([TextDelta("Hay"), Finished("error")]) + encoder.finish()
    *_, end = [msgspec.json.decode(line) for line in body.splitlines()]
    assert end == {"error": "The upstream failed while it was answering."}
    failed = ollama.stream_encoder(ASKED)
    assert failed.fail(UpstreamBroken("It broke.")) + failed.finish() == b'{"error":"It broke."}\n'


def test_calls_that_interleave_are_written_whole_and_cut_ones_survive() -> None:
    encoder = ollama.stream_encoder(ASKED)
    body = encoder.encode([
        ToolCallStarted(0, "a", "f"), ToolCallStarted(1, "b", "g"), ToolCallDelta(0, '{"x"'),
        ToolCallDelta(1, '{"y":2}'), ToolCallDelta(0, ":1}"), ToolCallEnded(1), ToolCallEnded(0),
        ToolCallStarted(2, "c", "h"), ToolCallDelta(2, '{"z'),
        Finished("length"), UsageDelta(Usage(input=1, output=2)),
    ]) + encoder.finish()  # fmt: skip
    calls = [call for line in body.splitlines() for call in msgspec.json.decode(line)["message"].get("tool_calls", [])]
    assert [(call["id"], call["function"]["arguments"]) for call in calls] == [
        ("a", {"x": 1}), ("b", {"y": 2}), ("c", {"INVALID_JSON": '{"z'}),
    ]  # fmt: skip
    assert encoder.dropped == {"message.tool_calls[].arguments"}


def test_opaque_state_never_goes_out_and_is_named() -> None:
    foreign = Origin("p", "anthropic", "m")
    parts = (Reasoning(text="hm", origin=foreign, opaque=b"S3CRET"), Text(text="x", origin=foreign, opaque=b"S3CRET"))
    encoded = ollama.encode_response(Reply(parts=parts, finish="stop"), ASKED)
    assert b"S3CRET" not in encoded.body
    assert encoded.dropped == ("message.content[].opaque", "message.reasoning.opaque")
    encoder = ollama.stream_encoder(ASKED)
    body = encoder.encode([ReasoningDelta("hm"), ReasoningSealed(b"S3CRET"), TextDelta("x"), PartEnded(b"S3CRET")])
    assert b"S3CRET" not in body
    assert encoder.dropped == {"message.content[].opaque", "message.reasoning.opaque"}


def test_a_refusal_is_text_on_this_wire() -> None:
    assert msgspec.json.decode(ollama.encode_response(Reply(parts=(Refusal(text="No."),)), ASKED).body)["message"] == {
        "role": "assistant", "content": "No.",
    }  # fmt: skip
    assert stream_of(Reply(parts=(Refusal(text="No."),)))[0]["message"] == {"role": "assistant", "content": "No."}


def test_our_own_count_stands_in_for_an_unknown_prompt() -> None:
    asked = Asked("m", "r", 0, prompt_tokens=42)
    body = msgspec.json.decode(ollama.encode_response(Reply(finish="stop"), asked).body)
    assert (body["prompt_eval_count"], body["eval_count"]) == (42, 0)


@pytest.mark.slow
@given(replies())
def test_a_reply_comes_back_as_it_went_out(reply: Reply) -> None:
    encoder = ollama.stream_encoder(ASKED)
    body = encoder.encode(unfold(reply)) + encoder.finish()
    for back in (ollama.decode_response(ollama.encode_response(reply, ASKED).body), fold(decode(body))):
        assert back.text == reply.text
        assert "".join(p.text for p in back.parts if isinstance(p, Reasoning)) == "".join(
            p.text for p in reply.parts if isinstance(p, Reasoning)
        )
        assert [(c.id, c.name, msgspec.json.decode(c.arguments)) for c in back.tool_calls] == [
            (c.id, c.name, msgspec.json.decode(c.arguments)) for c in reply.tool_calls
        ]
        assert back.finish == reply.finish
        assert (back.usage.input, back.usage.output) == (reply.usage.prompt_tokens, reply.usage.completion_tokens)


# ------------------------------------------------------------------------------------------- embeddings


def test_embeddings_of_both_generations() -> None:
    new = ollama.decode_embeddings(b'{"model":"m","input":["a","b"],"dimensions":3,"truncate":true}')
    assert new == EmbeddingRequest(model="m", texts=("a", "b"), dimensions=3, extra={"truncate": True})
    assert ollama.decode_embeddings(b'{"model":"m","input":"a"}').texts == ("a",)
    assert ollama.decode_embeddings(b'{"model":"m","prompt":"a"}') == EmbeddingRequest(model="m", texts=("a",))
    assert ollama.decode_embeddings(ollama.encode_embeddings(new)) == new
    reply = EmbeddingReply(vectors=((0.5, 1.0), (2.0, 3.0)), model="m", usage=Usage(input=4))
    assert ollama.decode_embeddings_reply(ollama.encode_embeddings_reply(reply, batch=True)) == reply
    old = ollama.encode_embeddings_reply(reply, batch=False)
    assert old == b'{"embedding":[0.5,1.0]}'
    assert ollama.decode_embeddings_reply(old).vectors == ((0.5, 1.0),)


@pytest.mark.parametrize("body", [b"{}", b'{"model":"m"}', b'{"model":"m","input":[1]}', b'{"model":"m","input":{}}'])
def test_embeddings_of_nothing_are_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        ollama.decode_embeddings(body)


@pytest.mark.parametrize("body", [b"{}", b"[", b'{"embeddings":[["a"]]}', b'{"embedding":7}'])
def test_a_reply_without_vectors_is_garbled(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        ollama.decode_embeddings_reply(body)
