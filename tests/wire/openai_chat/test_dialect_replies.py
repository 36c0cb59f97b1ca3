"""Replies of vendors that bend the wire: thinking in tags and chunks, opaque blocks, counts and words of their own."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import Failed, fold
from hostler.core.messages import Part, Reasoning, Text, ToolCall
from hostler.core.requests import Asked, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.errors import UpstreamRefused
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.openai_chat import decode_response, encode_response, stream_decoder, stream_encoder
from tests.wire.strategies import cuts

TAGS = Dialect(reasoning_tags=("think",))
ASKED = Asked("mine", "abc", 1_700_000_000)
CALL = {"index": 0, "id": "c1", "function": {"name": "feed", "arguments": "{}"}}
FED = ToolCall(id="c1", name="feed", arguments="{}")
ENCRYPTED = b'{"type":"reasoning.encrypted","data":"\\u00e9==","format":"openai-responses-v1","id":"rs_1","n":1.50}'
SUMMARY = b'{ "type": "reasoning.summary", "summary": "Whoa.", "index":0 }'


def whole(message: dict[str, Any], dialect: Dialect = PLAIN, **choice: Any) -> Reply:
    body = {"id": "r", "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}]}
    return decode_response(msgspec.json.encode(body), dialect)


def frames(*deltas: dict[str, Any], **last: Any) -> bytes:
    chunks: list[dict[str, Any]] = [{"id": "r", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"id": "r", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", **last}]})
    return b"".join(b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def streamed(data: bytes, dialect: Dialect = PLAIN) -> Reply:
    decoder = stream_decoder(dialect)
    return fold(decoder.feed(data) + decoder.flush())


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("<think>\nOats.\n</think>\n\nHay", (Reasoning(text="Oats."), Text(text="Hay"))),
        ("Say <think>.", (Text(text="Say <think>."),)),
        ("<think>Oats", (Reasoning(text="Oats"),)),
        ("<thi", (Text(text="<thi"),)),
    ],
)
def test_thinking_in_tags(content: str, parts: tuple[Part, ...]) -> None:
    assert whole({"content": content}, TAGS).parts == parts
    assert streamed(frames(*({"content": letter} for letter in content)), TAGS).parts == parts
    assert whole({"content": content}).parts == (Text(text=content),)
    assert streamed(frames({"content": content})).parts == (Text(text=content),)


def test_a_call_ends_thinking_in_tags() -> None:
    message = {"content": "<think>Oats.</think>\n\n", "tool_calls": [CALL]}
    expected = (Reasoning(text="Oats."), FED)
    assert whole(message, TAGS).parts == expected
    assert streamed(frames({"content": message["content"]}, {"tool_calls": [CALL]}), TAGS).parts == expected


@pytest.mark.slow
@given(st.data())
def test_any_cut_of_a_tagged_stream_says_the_same(data: st.DataObject) -> None:
    body = frames({"content": "<th"}, {"content": "ink>Häfer"}, {"content": "?</think> "}, {"content": "Heu 🐴"})
    decoder = stream_decoder(TAGS)
    deltas = [delta for piece in data.draw(cuts(body)) for delta in decoder.feed(piece)] + decoder.flush()
    assert fold(deltas).parts == (Reasoning(text="Häfer?"), Text(text="Heu 🐴"))


def test_opaque_details_are_kept_byte_for_byte_and_in_order() -> None:
    details = b"[" + SUMMARY + b" ," + ENCRYPTED + b"]"
    body = (
        b'{"id":"r","choices":[{"message":{"content":"Hay","reasoning_details":%b},"finish_reason":"stop"}]}' % details
    )
    reply = decode_response(body)
    assert reply.parts == (Reasoning(text="Whoa.", opaque=details), Text(text="Hay"))
    assert details in encode_response(reply, ASKED).body


def test_encrypted_details_of_a_stream_are_told_apart() -> None:
    def data(text: str, **more: object) -> dict[str, Any]:
        return {"reasoning_details": [{"type": "reasoning.encrypted", "data": text, **more}]}

    reply = streamed(
        frames(data("a"), data("b"), data("c", index=1, id="x"), data("d", index=1, id="y"), {"content": "Hay"})
    )
    assert isinstance(reply.parts[0], Reasoning)
    kept = msgspec.json.decode(reply.parts[0].opaque or b"")
    assert [block["data"] for block in kept] == ["a", "b", "c", "d"]


def test_details_in_a_stream_reach_a_client_that_can_return_them() -> None:
    details = {"type": "reasoning.text", "text": "Whoa.", "signature": "c2ln", "index": 0}
    decoder, encoder = stream_decoder(), stream_encoder(ASKED)
    out = encoder.encode(decoder.feed(frames({"reasoning_details": [details]}, {"content": "Hay"}))) + encoder.finish()
    assert encoder.dropped == set()
    back = streamed(out)
    assert isinstance(back.parts[0], Reasoning)
    assert msgspec.json.decode(back.parts[0].opaque or b"") == [details]
    assert back.parts[0].text == "Whoa."


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Oats"}]}
SIGNED = {"type": "thinking", "thinking": [{"type": "text", "text": "?"}], "signature": "c2ln"}
SAID = {"type": "text", "text": "Hay"}


def test_chunks_of_thinking_that_are_signed() -> None:
    reply = whole({"content": [SIGNED, SAID, SAID]})
    assert reply.parts == (Reasoning(text="?", opaque=msgspec.json.encode(SIGNED)), Text(text="HayHay"))
    parts = streamed(
        frames({"content": [THINKING]}, {"content": [SIGNED]}, {"content": [SAID]}, {"content": "!"})
    ).parts
    joined = {**SIGNED, "thinking": [{"type": "text", "text": "Oats?"}]}
    assert parts == (Reasoning(text="Oats?", opaque=msgspec.json.encode(joined)), Text(text="Hay!"))


def test_chunks_of_thinking_that_are_not_signed() -> None:
    parts = (Reasoning(text="OatsOats"), Text(text="Hay"))
    assert whole({"content": [THINKING, THINKING, SAID]}).parts == parts
    assert streamed(frames({"content": [THINKING, THINKING, SAID]})).parts == parts


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("insufficient_system_resource", "error"),
        ("model_context_window_exceeded", "context"),
        ("model_length", "context"),
        ("SAFETY", "content_filter"),
        ("sensitive", "content_filter"),
        ("abort", "error"),
        ("eos_token", "stop"),
        ("MAX_TOKENS", "length"),
        ("pause_turn", "pause"),
        ("whim", "unknown"),
    ],
)
def test_finish_reasons(raw: str, reason: FinishReason) -> None:
    for reply in (whole({"content": "a"}, finish_reason=raw), streamed(frames({"content": "a"}, finish_reason=raw))):
        assert (reply.finish, reply.raw_finish) == (reason, raw)


@pytest.mark.parametrize("field", ["stop_reason", "matched_stop"])
def test_the_stop_sequence_that_was_met(field: str) -> None:
    cases: list[tuple[Any, str, str | None]] = [
        ("END", "stop_sequence", "END"),
        (9, "stop", None),
        (None, "stop", None),
    ]
    for met, reason, stop in cases:
        for reply in (
            whole({"content": "a"}, PLAIN, **{field: met}),
            streamed(frames({"content": "a"}, **{field: met})),
        ):
            assert (reply.finish, reply.stop_sequence) == (reason, stop)
    assert b'"finish_reason":"stop"' in encode_response(whole({"content": "a"}, PLAIN, **{field: "END"}), ASKED).body


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        # xAI: reasoning left out of the completion, the cache out of the prompt, by the total
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 20,
                "total_tokens": 41,
                "prompt_tokens_details": {"cached_tokens": 6},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            Usage(10, 6, None, 20, 5),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 20,
                "total_tokens": 35,
                "prompt_tokens_details": {"cached_tokens": 6},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            Usage(4, 6, None, 20, 5),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "total_tokens": 18,
                "prompt_tokens_details": {"cached_tokens": 6},
            },
            Usage(10, 6, None, 2),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "total_tokens": 12,
                "prompt_tokens_details": {"cached_tokens": 6},
            },
            Usage(4, 6, None, 2),
        ),
        # Moonshot
        ({"prompt_tokens": 10, "completion_tokens": 2, "cached_tokens": 4}, Usage(6, 4, None, 2)),
        # Qwen
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 1, "cache_creation_input_tokens": 4},
            },
            Usage(5, 1, 4, 2),
        ),
        ({"prompt_tokens": 3, "completion_tokens": 9, "reasoning_tokens": 4}, Usage(3, None, None, 5, 4)),
    ],
)
def test_usage(said: dict[str, object], usage: Usage) -> None:
    body = {"id": "r", "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": said}
    assert decode_response(msgspec.json.encode(body)).usage == usage


def test_usage_that_stands_in_a_vendors_own_field_and_usage_that_is_repeated() -> None:
    def chunk(**fields: object) -> bytes:
        choices = [{"index": 0, "delta": {"content": "a"}}]
        return b"data: " + msgspec.json.encode({"id": "r", "choices": choices, **fields}) + b"\n\n"

    said = {"prompt_tokens": 3, "completion_tokens": 1}
    assert streamed(chunk(x_groq={"id": "q"}) + chunk(x_groq={"usage": said}) + frames()).usage == Usage(3, output=1)
    more = {"prompt_tokens": 3, "completion_tokens": 2}
    assert streamed(chunk(usage=said) + chunk(usage=more) + chunk(usage=more) + frames()).usage == Usage(3, output=2)


def test_comments_that_keep_a_stream_alive_say_nothing() -> None:
    beat = b": OPENROUTER PROCESSING\n\n: keep-alive\r\n\r\n"
    data = frames({"content": "Ha"}, {"content": "y"})
    assert streamed(beat + data.replace(b"\n\n", b"\n\n" + beat)).text == "Hay"


def test_an_error_in_the_last_choice_is_no_normal_end() -> None:
    error = {"code": 429, "message": "slow down"}
    body = frames({"content": "Ha"}, finish_reason="error", error=error)
    failed = [delta for delta in stream_decoder().feed(body) if isinstance(delta, Failed)]
    assert len(failed) == 1
    assert isinstance(failed[0].error, UpstreamRefused)
    assert failed[0].error.status == 429
