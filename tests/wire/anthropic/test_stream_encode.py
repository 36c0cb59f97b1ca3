"""The stream encoder, judged by the `anthropic` SDK. Knows the public door of the wire only."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from anthropic import APIStatusError
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import (
    Delta,
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
from hostler.core.messages import Reasoning, Text, ToolCall
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.errors import Draining, QueueFull, UpstreamRefused
from hostler.wire import anthropic
from hostler.wire.sse import SseDecoder
from tests.wire.anthropic.judge import read_stream
from tests.wire.strategies import cuts, replies, texts

ASKED = Asked("mine/sonnet", "abc", 1_700_000_000, prompt_tokens=31)
EXCHANGES = Path(__file__).parent / "exchanges"


def encode(batches: Iterable[list[Delta]]) -> bytes:
    encoder = anthropic.stream_encoder(ASKED)
    out = [encoder.encode(batch) for batch in batches]
    return b"".join([*out, encoder.finish()])


def events(body: bytes) -> list[dict[str, object]]:
    return [msgspec.json.decode(event.data) for event in SseDecoder().feed(body)]


def decode(body: bytes) -> Reply:
    decoder = anthropic.stream_decoder()
    return fold([*decoder.feed(body), *decoder.flush()])


def blocks_never_overlap(body: bytes) -> bool:
    """Indexes count up from 0, and a block is closed before the next one opens."""
    open_index, following = None, 0
    for event in events(body):
        match event["type"]:
            case "content_block_start":
                if open_index is not None or event["index"] != following:
                    return False
                open_index, following = following, following + 1
            case "content_block_delta" | "content_block_stop":
                if event["index"] != open_index:
                    return False
                if event["type"] == "content_block_stop":
                    open_index = None
            case _:
                pass
    return open_index is None


def test_text_and_usage() -> None:
    body = encode(
        [
            [Started("up", "upstream-model")],
            [TextDelta("Guten "), TextDelta("Tag 🐎")],
            [Finished("stop", "stop"), UsageDelta(Usage(input=10, cache_read=5, output=7, reasoning=3))],
        ]
    )
    message = read_stream(body)
    assert (message.id, message.model, message.stop_reason) == ("msg_abc", "mine/sonnet", "end_turn")
    assert [block.type for block in message.content] == ["text"]
    assert message.usage.input_tokens == 10
    assert message.usage.cache_read_input_tokens == 5
    assert message.usage.cache_creation_input_tokens == 0
    assert message.usage.output_tokens == 10
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens == 3


def test_interleaved_calls_wait_for_each_other() -> None:
    body = encode(
        [
            [TextDelta("calls")],
            [ToolCallStarted(0, "call_a", "f"), ToolCallDelta(0, '{"a":')],
            [ToolCallStarted(1, "call_b", "g"), ToolCallDelta(1, '{"b":'), ToolCallDelta(0, "1}")],
            [ToolCallDelta(1, "2}"), TextDelta("late"), ToolCallStarted(2, "", "h"), ToolCallEnded(1)],
            [ToolCallEnded(0), ToolCallEnded(2), Finished("stop")],
        ]
    )
    assert blocks_never_overlap(body)
    message = read_stream(body)
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use", "text", "tool_use"]
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [(call.id, call.input) for call in calls] == [
        ("call_a", {"a": 1}),
        ("call_b", {"b": 2}),
        ("toolu_abc_2", {}),
    ]
    assert message.stop_reason == "tool_use"


def test_arguments_are_streamed_as_they_come() -> None:
    encoder = anthropic.stream_encoder(ASKED)
    encoder.encode([ToolCallStarted(0, "call_a", "f")])
    assert b'"partial_json":"{\\"a\\":"' in encoder.encode([ToolCallDelta(0, '{"a":')])


def test_foreign_reasoning_is_a_thinking_block_that_says_it_is_unsigned() -> None:
    body = encode([[ReasoningDelta("hm"), ReasoningDelta("m")], [TextDelta("hay"), Finished("stop")]])
    message = read_stream(body)
    thinking, text = message.content
    assert thinking.type == "thinking" and text.type == "text"
    assert (thinking.thinking, thinking.signature) == ("hmm", anthropic.UNSIGNED_SIGNATURE)
    reply = decode(body)
    assert reply.parts == (Reasoning(text="hmm"), Text(text="hay"))


def test_own_seals_survive() -> None:
    decoder = anthropic.stream_decoder()
    deltas = decoder.feed((EXCHANGES / "thinking.sse").read_bytes())
    body = encode([deltas])
    assert blocks_never_overlap(body)
    message = read_stream(body)
    kinds = [(block.type, getattr(block, "signature", getattr(block, "data", ""))) for block in message.content]
    assert kinds == [
        ("thinking", "EqQBCgIYAhIM+sig/=="),
        ("redacted_thinking", "EmwKAhgBEgy3va3pzix/LafPsn4a"),
        ("thinking", "omitted-sig"),
        ("text", ""),
    ]
    assert decode(body).parts == fold(deltas).parts or _same_opaque(decode(body), fold(deltas))


def _same_opaque(left: Reply, right: Reply) -> bool:
    """Equal up to the spaces between a raw block's fields, which an event's line may not keep."""

    def plain(reply: Reply) -> list[object]:
        opaque = [part.opaque for part in reply.parts if isinstance(part, Reasoning)]
        return [msgspec.json.decode(raw or b"null") for raw in opaque]

    return plain(left) == plain(right)


@pytest.mark.parametrize("raw", [b'{"type":"reasoning.encrypted","data":"x"}', b"no json", b'{"type":"thinking"}'])
def test_foreign_seals_are_dropped_and_named(raw: bytes) -> None:
    encoder = anthropic.stream_encoder(ASKED)
    body = encoder.encode([ReasoningSealed(raw), TextDelta("hay"), Finished("stop")]) + encoder.finish()
    assert [block.type for block in read_stream(body).content] == ["text"]
    assert encoder.dropped == {"message.reasoning.opaque"}


def test_server_blocks_survive_and_foreign_ones_are_named() -> None:
    decoder = anthropic.stream_decoder()
    encoder = anthropic.stream_encoder(ASKED)
    body = encoder.encode(decoder.feed((EXCHANGES / "server_tools.sse").read_bytes()))
    body += encoder.encode([PartEnded(b'{"type":"web_search_call"}')]) + encoder.finish()
    kinds = [event["content_block"]["type"] for event in events(body) if event["type"] == "content_block_start"]  # type: ignore[index]
    assert kinds == ["server_tool_use", "web_search_tool_result", "text", "compaction"]
    assert encoder.dropped == {"message.content[].opaque"}


def test_free_form_calls_become_one_string() -> None:
    body = encode(
        [
            [ToolCallStarted(0, "a", "patch", custom=True), ToolCallDelta(0, 'say "hi"\n')],
            [ToolCallStarted(1, "b", "patch", custom=True), ToolCallDelta(1, "🐎"), ToolCallDelta(0, "end")],
            [ToolCallEnded(1), ToolCallEnded(0), Finished("tool_calls")],
        ]
    )
    calls = [block for block in read_stream(body).content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"input": 'say "hi"\nend'}, {"input": "🐎"}]


def test_an_empty_reply_is_still_a_message() -> None:
    message = read_stream(encode([]))
    assert message.content == []
    assert message.usage.input_tokens == 31
    assert message.stop_reason == "end_turn"


def test_usage_that_comes_early_stands_in_message_start() -> None:
    first = events(encode([[Started("", ""), UsageDelta(Usage(input=4, cache_write=2))]]))[0]
    assert first["message"]["usage"] == {  # type: ignore[index]
        "input_tokens": 4,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }


def test_an_upstream_that_failed_midway_never_ends_well() -> None:
    body = encode([[TextDelta("half"), Finished("error")]])
    assert b"message_stop" not in body
    with pytest.raises(APIStatusError, match="failed"):
        read_stream(body)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (QueueFull("full"), "rate_limit_error"),
        (Draining("bye"), "api_error"),
        (UpstreamRefused("no", status=400, kind="overloaded_error"), "overloaded_error"),
    ],
)
def test_failure_is_an_error_event(error: QueueFull | Draining | UpstreamRefused, kind: str) -> None:
    encoder = anthropic.stream_encoder(ASKED)
    body = encoder.encode([TextDelta("half")]) + encoder.fail(error)
    last = events(body)[-1]
    assert last == {"type": "error", "error": {"type": kind, "message": error.message}}
    with pytest.raises(APIStatusError):
        read_stream(body)


def test_keepalive_is_passed_over() -> None:
    body = anthropic.KEEPALIVE + encode([[TextDelta("hay"), Finished("stop")]])
    assert len(read_stream(body).content) == 1
    assert decode(body).parts == (Text(text="hay"),)


@st.composite
def delta_streams(draw: st.DrawFn) -> list[Delta]:
    """Deltas that follow the order rules of core, with calls that interleave as they like."""
    deltas: list[Delta] = [Started("x", "y")]
    open_slots: list[int] = []
    slots = 0
    for move in draw(st.lists(st.sampled_from(["text", "think", "end", "call", "grow", "close"]), max_size=25)):
        match move:
            case "text":
                deltas.append(TextDelta(draw(texts)))
            case "think":
                deltas.append(ReasoningDelta(draw(texts)))
            case "end":
                deltas.append(PartEnded())
            case "call":
                deltas.append(ToolCallStarted(slots, f"call_{slots}", "f"))
                open_slots.append(slots)
                slots += 1
            case "grow" if open_slots:
                deltas.append(ToolCallDelta(draw(st.sampled_from(open_slots)), "x"))
            case "close" if open_slots:
                slot = draw(st.sampled_from(open_slots))
                open_slots.remove(slot)
                deltas.append(ToolCallEnded(slot))
            case _:
                pass
    deltas += [ToolCallEnded(slot) for slot in open_slots]
    return [*deltas, Finished("stop"), UsageDelta(Usage(input=1, cache_read=0, cache_write=0, output=2))]


@pytest.mark.slow
@given(delta_streams(), st.integers(1, 5))
def test_blocks_never_overlap_and_lose_nothing(deltas: list[Delta], size: int) -> None:
    body = encode(deltas[i : i + size] for i in range(0, len(deltas), size))
    assert blocks_never_overlap(body)
    before, after = fold(deltas), decode(body)

    def texts_of(reply: Reply) -> tuple[str, str]:
        seen = "".join(part.text for part in reply.parts if isinstance(part, Text))
        thought = "".join(part.text for part in reply.parts if isinstance(part, Reasoning))
        return seen, thought

    def calls_of(reply: Reply) -> list[tuple[str, str]]:
        return [(part.id, part.arguments) for part in reply.parts if isinstance(part, ToolCall)]

    assert texts_of(after) == texts_of(before)
    assert calls_of(after) == calls_of(before)
    assert after.usage == before.usage


@pytest.mark.slow
@given(replies(), st.data())
def test_a_reply_survives_its_own_stream(reply: Reply, data: st.DataObject) -> None:
    body = encode([unfold(reply)])
    decoder = anthropic.stream_decoder()
    deltas = [delta for piece in data.draw(cuts(body)) for delta in decoder.feed(piece)]
    after = fold([*deltas, *decoder.flush()])
    assert after.parts == reply.parts
    assert after.usage == reply.usage
    assert after.finish == ("refusal" if reply.finish == "content_filter" else reply.finish)
