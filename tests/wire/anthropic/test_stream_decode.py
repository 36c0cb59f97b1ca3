"""The stream decoder against exchanges written by hand. Knows the public door of the wire only."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import (
    Delta,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
    fold,
)
from hostler.core.messages import Origin, Reasoning, Text, ToolCall
from hostler.core.usage import Usage
from hostler.core.wires import ANTHROPIC
from hostler.errors import UpstreamBroken, UpstreamGarbled, UpstreamRefused
from hostler.wire import anthropic
from tests.wire.strategies import cuts

EXCHANGES = Path(__file__).parent / "exchanges"
ORIGIN = Origin("vendor", ANTHROPIC, "m")
STREAMS = ["text", "tools", "thinking", "server_tools", "interleaved", "overloaded"]


def body(name: str) -> bytes:
    return (EXCHANGES / f"{name}.sse").read_bytes()


def decode(*pieces: bytes) -> list[Delta]:
    decoder = anthropic.stream_decoder()
    deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
    return deltas + decoder.flush()


def told(deltas: list[Delta]) -> list[object]:
    """Deltas with errors as what they say, so that two lists compare."""
    return [(type(d.error), d.error.message) if isinstance(d, Failed) else d for d in deltas]


def test_text_with_cached_usage_and_unknown_events() -> None:
    deltas = decode(body("text"))
    assert deltas[0] == Started("msg_01stable", "sonnet-5-5")
    reply = fold(deltas, ORIGIN)
    assert reply.parts == (Text(text="Die Stute heißt 🐎 „Näbel“.", origin=ORIGIN),)
    assert (reply.finish, reply.raw_finish) == ("stop", "end_turn")
    assert reply.usage == Usage(input=12, cache_read=100, cache_write=7, output=9)


def test_parallel_calls_without_arguments_and_with_whole_input() -> None:
    deltas = decode(body("tools"))
    reply = fold(deltas, ORIGIN)
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    assert [(call.id, call.name, call.arguments) for call in calls] == [
        ("toolu_01", "feed", '{"horse": "Näbel", "kg": 2.50}'),
        ("toolu_02", "list_stalls", ""),
        ("toolu_03", "groom", '{"horse": "Ida"}'),
    ]
    assert reply.finish == "tool_calls"
    assert [d.slot for d in deltas if isinstance(d, ToolCallEnded)] == [0, 1, 2]


def test_thinking_is_sealed_with_the_block_that_goes_back() -> None:
    reply = fold(decode(body("thinking")), ORIGIN)
    signed, redacted, omitted, text = reply.parts
    assert isinstance(signed, Reasoning) and isinstance(redacted, Reasoning) and isinstance(omitted, Reasoning)
    assert signed.text == "Hay or oats?"
    assert msgspec.json.decode(signed.opaque or b"") == {
        "type": "thinking",
        "thinking": "Hay or oats?",
        "signature": "EqQBCgIYAhIM+sig/==",
    }
    assert redacted.redacted
    assert redacted.opaque == b'{"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"}'
    assert omitted.text == ""
    assert msgspec.json.decode(omitted.opaque or b"")["signature"] == "omitted-sig"
    assert text == Text(text="Hay.", origin=ORIGIN)
    assert reply.usage == Usage(input=12, cache_read=0, cache_write=0, output=18, reasoning=42)


def test_server_blocks_and_citations_are_kept_raw() -> None:
    reply = fold(decode(body("server_tools")), ORIGIN)
    opaque = [msgspec.json.decode(part.opaque or b"null") for part in reply.parts if isinstance(part, Text)]
    assert [block["type"] for block in opaque] == ["server_tool_use", "web_search_tool_result", "text", "compaction"]
    assert opaque[0]["input"] == {"query": "hay price"}
    assert opaque[2]["citations"][0]["cited_text"] == "9 a bale"
    assert opaque[3]["content"] == "We spoke of hay."
    assert [part.text for part in reply.parts if isinstance(part, Text)] == ["", "", "Hay costs nine.", ""]
    assert (reply.finish, reply.raw_finish) == ("pause", "pause_turn")


def test_interleaved_blocks_are_put_in_order() -> None:
    reply = fold(decode(body("interleaved")), ORIGIN)
    assert "".join(part.text for part in reply.parts if isinstance(part, Text)) == "abxy"
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    assert [call.arguments for call in calls] == ['{"n":1}', '{"m":2}']


def test_error_event_inside_a_good_status() -> None:
    deltas = decode(body("overloaded"))
    last = deltas[-1]
    assert isinstance(last, Failed) and isinstance(last.error, UpstreamRefused)
    assert (last.error.status, last.error.kind, last.error.message) == (529, "overloaded_error", "Overloaded")
    assert TextDelta("Half") in deltas


@pytest.mark.parametrize(
    "data",
    [
        b'event: error\ndata: {"error": {"type": "rate_limit_error", "message": "slow down"}}\n\n',
        b'data: {"error": {"type": "rate_limit_error", "message": "slow down"}}\n\n',
    ],
)
def test_error_frames_of_other_shapes(data: bytes) -> None:
    [failed] = decode(data)
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamRefused)
    assert (failed.error.status, failed.error.message) == (429, "slow down")


@pytest.mark.parametrize("name", ["text", "tools", "thinking"])
def test_a_stream_without_its_end_is_broken(name: str) -> None:
    whole = body(name)
    before_reason = whole[: whole.index(b"event: message_delta")]
    [*_, last] = decode(before_reason)
    assert isinstance(last, Failed) and isinstance(last.error, UpstreamBroken)
    without_stop = whole[: whole.index(b"event: message_stop")]
    assert decode(without_stop) == decode(whole)


def test_an_empty_body_is_broken() -> None:
    [failed] = decode(b"")
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamBroken)


def test_a_cut_last_event_is_broken_not_garbled() -> None:
    [*_, last] = decode(body("text")[:700])
    assert isinstance(last, Failed) and isinstance(last.error, UpstreamBroken)


def test_broken_json_is_garbled() -> None:
    [failed] = decode(b"event: content_block_delta\ndata: {nonsense}\n\n")
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamGarbled)


def test_nothing_follows_a_failure() -> None:
    decoder = anthropic.stream_decoder()
    decoder.feed(body("overloaded"))
    assert decoder.feed(body("text")) == []
    assert decoder.flush() == []


def test_a_missing_block_start_loses_no_text() -> None:
    deltas = decode(
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hay"}}\n\n'
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
    )
    assert TextDelta("hay") in deltas
    assert isinstance(deltas[-1], Finished)


def test_a_delta_of_an_unknown_kind_is_no_text() -> None:
    start = b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    delta = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"%b","text":"%b"}}\n\n'
    end = b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
    assert fold(decode(start, delta % (b"text_delta", b"hay"), delta % (b"note_delta", b"?"), end)).text == "hay"


def test_unsigned_thinking_is_not_replayable() -> None:
    data = body("thinking").replace(b"EqQBCgIYAhIM+sig/==", anthropic.UNSIGNED_SIGNATURE.encode())
    first = fold(decode(data), ORIGIN).parts[0]
    assert isinstance(first, Reasoning) and first.opaque is None and first.text == "Hay or oats?"


def test_usage_is_merged_by_replacement() -> None:
    usages = [delta.usage for delta in decode(body("thinking")) if isinstance(delta, UsageDelta)]
    assert [usage.output for usage in usages] == [1, 18]
    assert usages[-1].input == 12


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMS)
@given(st.data())
def test_any_cut_gives_the_same_deltas(name: str, data: st.DataObject) -> None:
    whole = body(name)
    assert told(decode(*data.draw(cuts(whole)))) == told(decode(whole))


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte_and_crlf(name: str) -> None:
    whole = body(name)
    expected = told(decode(whole))
    assert told(decode(*(whole[i : i + 1] for i in range(len(whole))))) == expected
    assert told(decode(whole.replace(b"\n", b"\r\n"))) == expected


@given(st.binary(max_size=200), st.sampled_from(STREAMS))
def test_garbage_never_raises(garbage: bytes, name: str) -> None:
    whole = body(name)
    decode(garbage)
    decode(whole[:400] + garbage + whole[400:])


def test_deltas_of_a_call_stay_in_its_slot() -> None:
    deltas = decode(body("interleaved"))
    assert [d.slot for d in deltas if isinstance(d, ToolCallStarted)] == [0, 1]
    assert [(d.slot, d.text) for d in deltas if isinstance(d, ToolCallDelta)][:2] == [(0, '{"n":'), (1, '{"m":')]
    assert not any(isinstance(d, ReasoningDelta) for d in deltas)
