"""Streams of both framings are understood however they are cut, and a broken one is never taken for a whole one.

The exchanges are of our own making, after the published schema.
"""

from pathlib import Path

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
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
    fold,
    unfold,
)
from hostler.core.messages import Part, Reasoning, Text, ToolCall
from hostler.core.requests import Asked, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.errors import QueueFull, UpstreamBroken, UpstreamGarbled, UpstreamRefused
from hostler.wire.gemini import decode_response, stream_decoder, stream_encoder
from hostler.wire.sse import SseDecoder
from tests.wire.strategies import cuts

EXCHANGES = Path(__file__).parent / "exchanges"
ASKED = Asked("mine/model", "abc", 1_700_000_000)
ARRAY = Asked("mine/model", "abc", 1_700_000_000, as_array=True)
OSLO, ROME = '{"city":"Oslo"}', '{"city":"Rome"}'

GOOD: dict[str, tuple[tuple[Part, ...], FinishReason, Usage]] = {
    "text.sse": ((Text(text="A hostler tends 🐴"),), "stop", Usage(11, 12, None, 5, 7)),
    "signed_calls.sse": (
        (
            Reasoning(text="Two towns."),
            ToolCall(id="call_r-2_0", name="weather", arguments=OSLO, opaque=b'{"thoughtSignature":"c2ln+/=="}'),
            ToolCall(id="call_r-2_1", name="weather", arguments=ROME),
            ToolCall(id="own", name="now", arguments="{}"),
        ),
        "tool_calls",
        Usage(input=8, output=9),
    ),
    "signed_end.sse": (
        (Text(text="Oats."), Text(text="", opaque=b'{"thoughtSignature":"ZW5k"}')),
        "stop",
        Usage(),
    ),
    "code.sse": (
        (
            Text(text="So: "),
            Text(text="", opaque=b'{"executableCode":{"language":"PYTHON","code":"1+1"}}'),
            Text(text="", opaque=b'{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"2"}}'),
            Text(text="2"),
        ),
        "stop",
        Usage(),
    ),
    "blocked.sse": ((), "content_filter", Usage(input=6)),
    "array.json": ((Text(text='One, {"two"} é'),), "length", Usage(input=3, output=2)),
}


def read(*pieces: bytes) -> list[Delta]:
    decoder = stream_decoder()
    return [*(delta for piece in pieces for delta in decoder.feed(piece)), *decoder.flush()]


def frame(body: object) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def said(*parts: object, **candidate: object) -> bytes:
    return frame({"candidates": [{"content": {"parts": list(parts), "role": "model"}, **candidate}]})


@pytest.mark.parametrize("name", GOOD)
def test_good_streams(name: str) -> None:
    reply = fold(read((EXCHANGES / name).read_bytes()))
    assert (reply.parts, reply.finish, reply.usage) == GOOD[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD)
@given(data=st.data())
def test_any_cut_gives_the_same(name: str, data: st.DataObject) -> None:
    body = (EXCHANGES / name).read_bytes()
    if name.endswith(".sse") and data.draw(st.booleans()):
        body = body.replace(b"\n", b"\r\n")
    assert read(*data.draw(cuts(body))) == read(body)


@pytest.mark.parametrize("name", GOOD)
def test_every_single_byte_alone(name: str) -> None:
    body = (EXCHANGES / name).read_bytes()
    assert read(*(body[place : place + 1] for place in range(len(body)))) == read(body)


def test_usage_is_told_early_and_at_the_end() -> None:
    counts = [delta.usage for delta in read((EXCHANGES / "text.sse").read_bytes()) if isinstance(delta, UsageDelta)]
    assert counts == [Usage(input=20, output=2), Usage(11, 12, None, 5, 7)]


def test_the_end_is_known_before_the_body_ends() -> None:
    deltas = stream_decoder().feed(said({"text": "x"}, finishReason="STOP"))
    assert isinstance(deltas[-1], Finished)


@pytest.mark.parametrize("body", [b"", b"[", said({"text": "Half"}), said({"text": "Half"}) + b'data: {"candi'])
def test_a_stream_without_a_finish_reason_is_broken(body: bytes) -> None:
    [*_, failed] = read(body)
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamBroken)


def test_a_broken_stream_still_says_what_it_cost() -> None:
    counted = frame({"candidates": [], "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 3}})
    deltas = read(said({"text": "Half"}) + counted)
    assert UsageDelta(Usage(input=4, output=3)) in deltas
    assert isinstance(deltas[-1], Failed)


ERROR = {
    "error": {
        "code": 429,
        "message": "slow down",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}],
    }
}


@pytest.mark.parametrize(
    "body",
    [
        frame(ERROR),
        msgspec.json.encode(ERROR),
        msgspec.json.format(msgspec.json.encode(ERROR), indent=2) + b"\n\n",
        said({"text": "Half"}) + msgspec.json.encode(ERROR),
        b"[" + msgspec.json.encode(ERROR) + b"]",
    ],
)
def test_an_error_in_the_stream_is_the_upstreams_refusal(body: bytes) -> None:
    [*_, failed] = read(body)
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamRefused)
    error = failed.error
    assert (error.status, error.message, error.kind) == (429, "slow down", "RESOURCE_EXHAUSTED")
    assert error.retry_after == 1.5


def test_a_frame_that_is_no_reply_is_garbled_and_ends_it() -> None:
    decoder = stream_decoder()
    [*_, failed] = decoder.feed(said({"text": "x"}) + b"data: {nope}\n\n")
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamGarbled)
    assert decoder.feed(said({"text": "y"})) == [] and decoder.flush() == []


@pytest.mark.parametrize(
    ("raw", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("MISSING_THOUGHT_SIGNATURE", "error"),
        ("CONTINUATION", "pause"),
        ("OTHER", "content_filter"),
        ("NEW_IN_2030", "unknown"),
    ],
)
def test_finish_reasons(raw: str, finish: FinishReason) -> None:
    reply = fold(read(said({"text": "x"}, finishReason=raw)))
    assert (reply.finish, reply.raw_finish) == (finish, raw)


def test_a_reason_on_every_frame_loses_nothing() -> None:
    reply = fold(read(said({"text": "a"}, finishReason="STOP") + said({"text": "b"}, finishReason="STOP")))
    assert reply.text == "ab"


def test_only_the_first_candidate_counts() -> None:
    both = [{"index": n, "content": {"parts": [{"text": str(n)}]}, "finishReason": "STOP"} for n in (1, 0)]
    assert fold(read(frame({"candidates": both}))).text == "0"


def test_parts_that_are_null_or_missing() -> None:
    empty = frame({"candidates": [{"content": {"role": "model", "parts": None}, "index": None, "finishReason": None}]})
    reply = fold(read(empty + frame({"candidates": None}) + said({"text": "x", "thought": None}, finishReason="STOP")))
    assert reply.text == "x"


def test_made_ids_differ_where_the_reply_has_no_id() -> None:
    calls = [{"functionCall": {"name": "f", "args": {"n": n}}} for n in (1, 1)]
    ids = [call.id for call in fold(read(said(*calls, finishReason="STOP"))).tool_calls]
    assert len(set(ids)) == 2


def test_signed_text_is_never_merged_with_its_neighbours() -> None:
    signed = {"text": "b", "thoughtSignature": "c2ln"}
    reply = fold(read(said({"text": "a"}, signed, {"text": "c"}, finishReason="STOP")))
    assert reply.parts == (Text(text="a"), Text(text="b", opaque=b'{"thoughtSignature":"c2ln"}'), Text(text="c"))


def test_signed_thinking() -> None:
    signed = {"text": "b", "thought": True, "thoughtSignature": "c2ln"}
    reply = fold(read(said({"text": "a", "thought": True}, signed, finishReason="STOP")))
    assert reply.parts == (Reasoning(text="a"), Reasoning(text="b", opaque=b'{"thoughtSignature":"c2ln"}'))


# --- what clients get


def written(*deltas: Delta, asked: Asked = ASKED) -> bytes:
    encoder = stream_encoder(asked)
    return b"".join(encoder.encode([delta]) for delta in deltas) + encoder.finish()


def frames(body: bytes) -> list[dict[str, object]]:
    return [msgspec.json.decode(event.data) for event in SseDecoder().feed(body)]


def parts_of(body: bytes) -> list[object]:
    return [part for each in frames(body) for part in each["candidates"][0]["content"]["parts"]]  # type: ignore[index]


def test_the_frames_of_a_plain_stream() -> None:
    body = written(TextDelta("Oats"), TextDelta("."), Finished("stop"), UsageDelta(Usage(1, 2, 3, 4, 5)))
    assert parts_of(body) == [{"text": "Oats"}, {"text": "."}, {"text": ""}]
    first, _, last = frames(body)
    assert (first["modelVersion"], first["responseId"]) == ("mine/model", "abc")
    assert last["candidates"][0]["finishReason"] == "STOP"  # type: ignore[index]
    assert last["usageMetadata"] == {
        "promptTokenCount": 6, "cachedContentTokenCount": 2, "candidatesTokenCount": 4, "thoughtsTokenCount": 5,
        "totalTokenCount": 15,
    }  # fmt: skip


def test_an_array_is_one_json_value() -> None:
    deltas = (TextDelta("Oats"), TextDelta("."), ToolCallStarted(0, "a", "f"), ToolCallEnded(0), Finished("tool_calls"))
    body = written(*deltas, asked=ARRAY)
    assert [each["candidates"][0]["content"]["parts"][0] for each in msgspec.json.decode(body)] == [
        {"text": "Oats"},
        {"text": "."},
        {"functionCall": {"id": "a", "name": "f", "args": {}}},
        {"text": ""},
    ]
    assert decode_response(body).text == "Oats."


def test_an_empty_reply_has_its_last_frame() -> None:
    assert len(frames(written(Finished("length")))) == 1
    assert len(msgspec.json.decode(written(Finished("length"), asked=ARRAY))) == 1


def test_interleaved_calls_come_whole_and_in_order() -> None:
    body = written(
        ToolCallStarted(0, "a", "f"),
        ToolCallStarted(1, "b", "g"),
        ToolCallDelta(1, '{"n":'),
        ToolCallDelta(0, '{"m":0}'),
        ToolCallDelta(1, "1}"),
        ToolCallEnded(1, b'{"thoughtSignature":"c2ln"}'),
        ToolCallEnded(0),
        Finished("tool_calls"),
    )
    assert parts_of(body)[:2] == [
        {"functionCall": {"id": "a", "name": "f", "args": {"m": 0}}},
        {"functionCall": {"id": "b", "name": "g", "args": {"n": 1}}, "thoughtSignature": "c2ln"},
    ]


def test_a_call_that_was_cut_off_is_no_call_without_arguments() -> None:
    encoder = stream_encoder(ASKED)
    body = encoder.encode([ToolCallStarted(0, "a", "f"), ToolCallDelta(0, '{"n'), Finished("length")])
    body += encoder.finish()
    assert parts_of(body)[0] == {"functionCall": {"id": "a", "name": "f", "args": {"INVALID_JSON": '{"n'}}}
    assert frames(body)[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"  # type: ignore[index]
    assert encoder.dropped == {"message.tool_calls[].arguments"}


def test_own_signatures_go_out_and_foreign_ones_do_not() -> None:
    ours, theirs = b'{"thoughtSignature":"c2ln"}', b'{"type":"thinking","thinking":"","signature":"S3CRET"}'
    encoder = stream_encoder(ASKED)
    body = encoder.encode(
        [
            ReasoningDelta("hm"),
            ReasoningSealed(ours),
            TextDelta("x"),
            PartEnded(ours),
            ReasoningSealed(theirs),
            PartEnded(theirs),
            ReasoningSealed(b"[1]"),
            PartEnded(b'{"executableCode":{"code":"1"}}'),
        ]
    )
    assert parts_of(body) == [
        {"text": "hm", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "x"},
        {"text": "", "thoughtSignature": "c2ln"},
        {"executableCode": {"code": "1"}},
    ]
    assert b"S3CRET" not in body
    assert encoder.dropped == {"message.reasoning.opaque", "message.content[].opaque"}


@pytest.mark.parametrize(
    ("finished", "word"),
    [
        (Finished("stop", "end_turn"), "STOP"),
        (Finished("stop_sequence"), "STOP"),
        (Finished("context"), "MAX_TOKENS"),
        (Finished("refusal"), "SAFETY"),
        (Finished("content_filter", "RECITATION"), "RECITATION"),
        (Finished("error", "MALFORMED_FUNCTION_CALL"), "MALFORMED_FUNCTION_CALL"),
        (Finished("unknown"), "STOP"),
    ],
)
def test_words_for_finish_reasons(finished: Finished, word: str) -> None:
    last = frames(written(RefusalDelta("no"), finished))[-1]
    assert last["candidates"][0]["finishReason"] == word  # type: ignore[index]


@pytest.mark.parametrize("asked", [ASKED, ARRAY])
def test_a_failure_is_read_as_one(asked: Asked) -> None:
    encoder = stream_encoder(asked)
    body = encoder.encode([TextDelta("Half"), TextDelta(".")]) + encoder.fail(QueueFull("full", retry_after=2))
    [*_, failed] = read(body)
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamRefused)
    assert (failed.error.status, failed.error.message, failed.error.retry_after) == (429, "full", 2)


def test_a_reply_that_failed_midway_has_no_good_end() -> None:
    [*_, failed] = read(written(TextDelta("Half"), Finished("error")))
    assert isinstance(failed, Failed)


def test_line_ends_of_other_alphabets_are_escaped() -> None:
    text = "a\u2028b\u2029c\x85d"
    body = written(TextDelta("x"), TextDelta(text), ReasoningDelta(text), Finished("stop"))
    assert len(body.decode().splitlines()) == body.count(b"\n")
    assert fold(read(body)).text == "x" + text


def test_unknown_prompts_are_as_long_as_we_counted() -> None:
    asked = Asked("m", "i", 1, prompt_tokens=7)
    assert frames(written(Finished("stop"), asked=asked))[-1]["usageMetadata"] == {
        "promptTokenCount": 7, "candidatesTokenCount": 0, "totalTokenCount": 7,
    }  # fmt: skip


def test_a_reply_with_signatures_survives_both_framings() -> None:
    signed = b'{"thoughtSignature":"c2ln"}'
    reply = Reply(
        id="abc",
        model="mine/model",
        parts=(Reasoning(text="hm"), Text(text="Oats."), ToolCall(id="a", name="f", arguments="{}", opaque=signed)),
        finish="tool_calls",
        raw_finish="STOP",
        usage=Usage(1, 2, None, 4, 5),
    )
    for asked in (ASKED, ARRAY):
        assert fold(read(written(*unfold(reply), asked=asked))) == reply
