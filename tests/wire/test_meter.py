"""Usage and the end of a stream are found in bytes that pass through, in any cut of them, and nowhere else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.usage import UNKNOWN, Usage
from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT, Wire
from hostler.wire.meter import read_reply, stream_meter
from hostler.wire.openai_chat.counts import read_usage


def frames(*values: object, end: bytes = b"") -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values) + end


CHAT_USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 12,
    "total_tokens": 42,
    "prompt_tokens_details": {"cached_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
CHAT = frames(
    {"choices": [{"delta": {"content": 'say "usage":{ and [DONE] and message_stop'}}], "usage": None},
    {"choices": [{"delta": {"content": "[DONE]\ndata: [DONE]"}}]},
    {"choices": [], "usage": CHAT_USAGE},
    end=b"data: [DONE]\n\n",
)
START = {
    "type": "message_start",
    "message": {"usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1}},
}
MESSAGES = b"event: message_start\n" + frames(
    START,
    {"type": "content_block_delta", "delta": {"text": 'event: message_stop "type":"message_stop" "usage"'}},
    {"type": "message_delta", "usage": {"output_tokens": 33}},
    {"type": "message_stop"},
)
STREAMS: tuple[tuple[Wire, bytes, Usage], ...] = (
    (OPENAI_CHAT, CHAT, Usage(10, 20, None, 7, 5)),
    (ANTHROPIC, MESSAGES, Usage(9, 4, None, 33, None)),
)
IDS = [wire for wire, _, _ in STREAMS]


def spread(stream: bytes) -> bytes:
    """The same events, with the data of each over several lines."""
    return stream.replace(b", ", b",\ndata: ").replace(b'data: {"type"', b'data: {\ndata: "type"')


@pytest.mark.parametrize(("wire", "stream", "usage"), STREAMS, ids=IDS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@given(st.data())
def test_what_keeps_to_the_rules_and_to_nobodys_habits_is_read_too(
    wire: Wire, stream: bytes, usage: Usage, line_end: bytes, data: st.DataObject
) -> None:
    odd = (b": hello\n\n" + spread(stream)).replace(b"\n", line_end)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(odd)), max_size=12)))
    meter = stream_meter(wire)
    for begin, end in zip([0, *cuts], [*cuts, len(odd)], strict=True):
        meter.feed(odd[begin:end])
    assert meter.usage == usage and meter.ended


@pytest.mark.parametrize(("wire", "stream", "usage"), STREAMS, ids=IDS)
@given(st.data())
def test_any_cut_of_a_stream_reads_the_same(wire: Wire, stream: bytes, usage: Usage, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    line_end = data.draw(st.sampled_from([b"\n", b"\r\n"]))
    meter = stream_meter(wire)
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        meter.feed(stream[begin:end].replace(b"\n", line_end))
    assert meter.usage == usage and meter.ended


@pytest.mark.parametrize(("wire", "stream", "usage"), STREAMS, ids=IDS)
def test_a_stream_has_ended_only_with_its_own_mark(wire: Wire, stream: bytes, usage: Usage) -> None:
    mark = stream.rindex(b"[DONE]" if wire == OPENAI_CHAT else b'"message_stop"')
    meter = stream_meter(wire)
    for position in range(mark):
        meter.feed(stream[position : position + 1])
        assert not meter.ended, stream[: position + 1]
    meter.feed(stream[mark:])
    assert meter.ended
    whole = stream_meter(wire)
    whole.feed(stream[:mark])
    assert not whole.ended


@given(st.lists(st.binary(max_size=40), max_size=20), st.sampled_from([OPENAI_CHAT, ANTHROPIC]))
def test_no_bytes_break_a_meter(pieces: list[bytes], wire: Wire) -> None:
    meter = stream_meter(wire)
    for piece in [*pieces, b'data: {"usage":{"prompt_tokens":"many"}}\n', b'data: {"usage": {}}\n', b'data: "usage"\n']:
        meter.feed(piece)
    assert isinstance(meter.usage, Usage)


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    meter: Any = stream_meter(OPENAI_CHAT)
    for _ in range(40):
        meter.feed(b"x" * 10_000)
        assert len(meter._start) <= 1 << 16
    assert len(meter._meter._rest) <= 1 << 16
    meter.feed(b"\n" + CHAT)
    assert meter.usage == STREAMS[0][2]


@pytest.mark.parametrize(
    ("wire", "reply", "model", "usage"),
    [
        (OPENAI_CHAT, {"model": "m", "usage": CHAT_USAGE}, "m", Usage(10, 20, None, 7, 5)),
        (OPENAI_CHAT, {"model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}, "m",
         Usage(3, None, None, 4, None)),
        (OPENAI_CHAT, {"model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}}, "m", Usage(input=3)),
        (OPENAI_CHAT, {"model": "m"}, "m", UNKNOWN),
        (OPENAI_CHAT, {"model": None, "usage": None}, None, UNKNOWN),
        (OPENAI_CHAT, {"model": 7}, None, UNKNOWN),
        (OPENAI_CHAT, {"timings": {"cache_n": 5, "prompt_n": 2, "predicted_n": 9}}, None, Usage(2, 5, None, 9, None)),
        (ANTHROPIC, {"model": "m", "usage": {"input_tokens": 1, "output_tokens": 2}}, "m",
         Usage(1, None, None, 2, None)),
        (ANTHROPIC, {"input_tokens": 13}, None, Usage(input=13)),
        (ANTHROPIC, {"error": {"message": "no"}}, None, UNKNOWN),
        (GEMINI, {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}], "modelVersion": "m",
                  "usageMetadata": {"promptTokenCount": 1}}, None, Usage(input=1)),
    ],
)  # fmt: skip
def test_a_whole_reply(wire: Wire, reply: object, model: str | None, usage: Usage) -> None:
    assert read_reply(wire, json.dumps(reply).encode()) == (model, usage)


@given(st.binary(max_size=60), st.sampled_from([OPENAI_CHAT, ANTHROPIC]))
def test_any_bytes_are_a_reply_that_says_nothing(body: bytes, wire: Wire) -> None:
    read_reply(wire, body)


@pytest.mark.parametrize("wire", [OPENAI_CHAT, ANTHROPIC])
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"x"', b"{", b"\xff", b"[" * 100_000, b'{"usage":[]}', b'{"usage":7}']
)
def test_what_is_no_reply_says_nothing(wire: Wire, body: bytes) -> None:
    assert read_reply(wire, body)[1] == UNKNOWN


counts = st.none() | st.integers(0, 50) | st.sampled_from([-1, 12.0, 1.5, 2**53, 2**53 + 1, 10**30, True, "7", [], {}])
details = st.none() | st.dictionaries(
    st.sampled_from(["cached_tokens", "cache_write_tokens", "reasoning_tokens", "x"]), counts, max_size=3
)
usages = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": counts,
        "completion_tokens": counts,
        "total_tokens": counts,
        "prompt_tokens_details": details | st.just("odd"),
        "completion_tokens_details": details | st.just([]),
        "prompt_cache_hit_tokens": counts,
        "prompt_cache_miss_tokens": counts,
        "queue_time": st.floats(0, 1),
    },
)


@given(usages)
def test_a_quick_reading_finds_what_a_careful_one_does(said: dict[str, object]) -> None:
    reply = json.dumps({"id": "c", "model": "m", "choices": [], "usage": said}).encode()
    assert read_reply(OPENAI_CHAT, reply) == ("m", read_usage(said))


def test_no_cache_hit_is_a_count_like_any_other() -> None:
    said = {"prompt_tokens": 3, "completion_tokens": 4, "prompt_cache_hit_tokens": 0}
    reply = json.dumps({"model": "m", "usage": said}).encode()
    assert read_reply(OPENAI_CHAT, reply) == ("m", Usage(3, 0, None, 4, None))
