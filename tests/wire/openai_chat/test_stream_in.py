"""Streams of every kind of server are understood, and a stream that broke is never taken for a whole one.

The exchanges are of our own making, after the published formats and the habits of servers.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import Delta, Failed, Finished, TextDelta, UsageDelta, fold
from hostler.core.messages import Part, Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import FinishReason
from hostler.core.usage import Usage
from hostler.errors import UpstreamBroken, UpstreamGarbled, UpstreamRefused
from hostler.wire.openai_chat import stream_decoder
from tests.wire.strategies import cuts

EXCHANGES = Path(__file__).parent / "exchanges"

OSLO, ROME = '{"city":"Oslo"}', '{"city":"Rome"}'
DETAILS = b'[{"type":"reasoning.text","text":"Whoa.","format":"anthropic-claude-v1","index":0,"signature":"c2ln"}]'

GOOD: dict[str, tuple[tuple[Part, ...], FinishReason, Usage]] = {
    "text": ((Text(text="A hostler tends 🐴"),), "stop", Usage(5, 12, 3, 5, 4)),
    "parallel_tools": (
        (
            ToolCall(id="call_a", name="weather", arguments=OSLO),
            ToolCall(id="call_b", name="weather", arguments=ROME),
        ),
        "tool_calls",
        Usage(),
    ),
    "reasoning_content": (
        (Reasoning(text="Horses first."), Text(text="Oats.")),
        "stop",
        Usage(input=4, cache_read=6, output=3, reasoning=5),
    ),
    "reasoning_and_usage_everywhere": (
        (Reasoning(text="Hm."), ToolCall(id="chatcmpl-tool-1", name="feed", arguments='{"hay": 1}')),
        "tool_calls",
        Usage(input=7, output=10),
    ),
    "timings": ((Text(text="Hay"),), "length", Usage(input=4, cache_read=3, output=5)),
    "tools_all_index_0": (
        (
            ToolCall(id="call_x", name="weather", arguments=OSLO),
            ToolCall(id="call_y", name="weather", arguments=ROME),
        ),
        "tool_calls",
        Usage(),
    ),
    "tools_without_index_and_id": (
        (
            Text(text="Both:"),
            ToolCall(id="call_1_0", name="weather", arguments=OSLO),
            ToolCall(id="call_1_1", name="weather", arguments=ROME),
        ),
        "tool_calls",
        Usage(),
    ),
    "details": (
        (Reasoning(text="Whoa.", opaque=DETAILS), Text(text="Stop.")),
        "stop",
        Usage(input=5, output=6, cost=0.001),
    ),
    "chunk_lists": ((Reasoning(text="Well then"), Text(text="Trot")), "stop", Usage(input=3, output=4)),
    "no_end_mark": ((Text(text="Neigh"),), "content_filter", Usage()),
    "usage_in_choice": ((Text(text="Go"),), "stop", Usage(input=2, output=1)),
    "two_choices": ((Text(text="one"),), "stop", Usage()),
    "odd_arguments": (
        (
            ToolCall(id="c1", name="f", arguments='{"a":1}'),
            ToolCall(id="c2", name="f", arguments='{"b":2}'),
            ToolCall(id="c3", name="g"),
            ToolCall(id="c4", name="h", arguments="free text", custom=True),
        ),
        "tool_calls",
        Usage(),
    ),
    "legacy_function": ((ToolCall(id="call_1_0", name="f", arguments='{"a":1}'),), "tool_calls", Usage()),
    "refusal": ((Refusal(text="I cannot."),), "refusal", Usage()),
}


def decoded(*pieces: bytes) -> list[Delta]:
    decoder = stream_decoder()
    deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
    return deltas + decoder.flush()


def frames(*data: bytes) -> bytes:
    return b"".join(b"data: " + each + b"\n\n" for each in data)


def failure(*pieces: bytes) -> Exception:
    last = decoded(*pieces)[-1]
    assert isinstance(last, Failed)
    return last.error


@pytest.mark.parametrize("name", GOOD)
def test_good_streams(name: str) -> None:
    parts, finish, usage = GOOD[name]
    stream = (EXCHANGES / f"{name}.sse").read_bytes()
    reply = fold(decoded(stream))
    assert (reply.parts, reply.finish, reply.usage) == (parts, finish, usage)
    assert (reply.id, reply.model) == ("chatcmpl-1", "big-1")
    assert decoded(*(stream[i : i + 1] for i in range(len(stream)))) == decoded(stream)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(EXCHANGES.glob("*.sse")), ids=lambda path: path.stem)
@given(data=st.data())
def test_any_cut_gives_the_same_deltas(path: Path, data: st.DataObject) -> None:
    stream = path.read_bytes()
    whole, cut = decoded(stream), decoded(*data.draw(cuts(stream)))
    assert cut[:-1] == whole[:-1]
    assert repr(cut[-1]) == repr(whole[-1])  # errors have no equality


def test_the_end_is_not_awaited() -> None:
    decoder = stream_decoder()
    stream = (EXCHANGES / "text.sse").read_bytes()
    deltas = decoder.feed(stream)
    assert [type(delta) for delta in deltas[-2:]] == [Finished, UsageDelta]
    assert decoder.flush() == []
    assert decoder.feed(stream) == []


def test_an_end_mark_without_a_reason() -> None:
    chunk = b'{"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"null"}]}'
    assert decoded(frames(chunk, b" [DONE] "))[-1] == Finished("unknown")


def test_an_error_midway() -> None:
    deltas = decoded((EXCHANGES / "error_midway.sse").read_bytes())
    assert TextDelta("Once") in deltas
    assert not any(isinstance(delta, Finished) for delta in deltas)
    assert isinstance(deltas[-1], Failed)
    error = deltas[-1].error
    assert isinstance(error, UpstreamRefused)
    assert (error.status, error.message) == (429, "Provider is over its limit")


@pytest.mark.parametrize(
    ("data", "status", "kind", "message"),
    [
        (b'{"error":{"message":"slow","type":"rate_limit_error","code":null}}', 429, "rate_limit_error", "slow"),
        (b'{"error":{"message":"hot","type":"overloaded_error"}}', 503, "overloaded_error", "hot"),
        (b'{"error":{"message":"oops","type":"server_error","code":"500"}}', 500, "500", "oops"),
        (b'{"error":"gone"}', 502, "", "gone"),
        (b'{"object":"error","message":"bad","type":"BadRequestError","code":400}', 400, "BadRequestError", "bad"),
        (b'{"choices":[{"delta":{},"error":{"code":502,"message":"fell"}}]}', 502, "", "fell"),
        (b'{"error":{"code":"context_length_exceeded"}}', 400, "context_length_exceeded", "broke off"),
    ],
)
def test_error_frames(data: bytes, status: int, kind: str, message: str) -> None:
    error = failure(frames(data, b"[DONE]"))
    assert isinstance(error, UpstreamRefused)
    assert (error.status, error.kind) == (status, kind)
    assert message in error.message


def test_an_error_by_its_events_name() -> None:
    for data in (b'{"message":"no"}', b"no"):
        error = failure(b"event: error\ndata: " + data + b"\n\n")
        assert isinstance(error, UpstreamRefused)
        assert error.message == "no"


@pytest.mark.parametrize("cut", ["", "\n\n"])
def test_a_stream_that_broke(cut: str) -> None:
    stream = (EXCHANGES / "broken.sse").read_bytes()
    assert isinstance(failure(stream[: stream.rfind(b"data:")] if cut else stream), UpstreamBroken)


@pytest.mark.parametrize("body", [b"", b": nothing\n\n", b"<html>", b"data: [DONE]\n\n", b'{"choices":[]}'])
def test_a_body_without_a_reply(body: bytes) -> None:
    assert isinstance(failure(body), UpstreamBroken)


@pytest.mark.parametrize("data", [b"{", b"3", b'{"choices":{}}', b"[" * 50_000, b"\xff", b'{"choices":[{"delta":3}]}'])
def test_garbage(data: bytes) -> None:
    decoder = stream_decoder()
    deltas = decoder.feed(frames(data, b"[DONE]"))
    assert isinstance(deltas[-1], Failed)
    assert isinstance(deltas[-1].error, UpstreamGarbled)
    assert decoder.feed(frames(b"[DONE]")) == decoder.flush() == []


def test_half_a_surrogate_pair_ends_nothing() -> None:
    chunk = b'{"choices":[{"delta":{"content":"%s"},"logprobs":NaN}]}'
    deltas = decoded(frames(chunk % b"a\\ud83d", chunk % b"\\ude00b", b"[DONE]"))
    assert [delta.text for delta in deltas if isinstance(delta, TextDelta)] == ["a?", "?b"]


def test_empty_frames_are_nothing() -> None:
    good = b'{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}'
    assert fold(decoded(frames(b"", b" ", good))).parts == (Text(text="a"),)


@pytest.mark.slow
@given(st.lists(st.sampled_from([b"null", b"0", b'"x"', b"[]", b"{}", b"[{}]", b'["x"]']), min_size=9, max_size=9))
def test_no_value_in_any_place_breaks_it(values: list[bytes]) -> None:
    chunk = (
        b'{"id":%s,"usage":%s,"timings":%s,"choices":[{"index":0,"finish_reason":%s,"delta":{"content":%s,'
        b'"tool_calls":%s,"refusal":%s,"reasoning":%s,"reasoning_details":%s}}]}'
    )
    decoded(frames(chunk % tuple(values), b"[DONE]"))


def test_what_a_vendor_adds_to_a_call_goes_back_with_it() -> None:
    """Google's signatures, on its compatible endpoint: every call has index 0, and none is in pieces."""
    call = b'{"index":0,"id":"%b","function":{"name":"f","arguments":"{}"}%b}'
    signed = call % (b"c1", b',"extra_content":{"google":{"thought_signature":"c2ln"}}')
    chunk = b'{"choices":[{"delta":{"tool_calls":[%b]}}]}'
    end = b'{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}'
    first, second = fold(decoded(frames(chunk % signed, chunk % (call % (b"c2", b"")), end))).tool_calls
    assert (first.id, first.opaque) == (
        "c1",
        b'{"type":"function","extra_content":{"google":{"thought_signature":"c2ln"}}}',
    )
    assert (second.id, second.opaque) == ("c2", None)
