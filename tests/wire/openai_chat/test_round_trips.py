"""What goes into the chat wire comes out of it: requests, replies, streams, and any cut of a stream's bytes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import Delta, fold, unfold
from hostler.core.messages import Message, Reasoning, Text, ToolCall, ToolResult
from hostler.core.requests import Asked, ChatRequest, Reply
from hostler.core.wires import ANTHROPIC, OPENAI_CHAT
from hostler.wire import openai_chat
from hostler.wire.dialects import Dialect
from tests.wire.strategies import cuts, replies, requests

pytestmark = pytest.mark.slow

ASKED = Asked("a/model", "r1", 1_763_630_000)
KEEPING = Dialect(reasoning_back="always")
SECRET = "thinking that nobody may see"


def echoed(reply: Reply) -> Reply:
    """`reply` with the names that the gateway gives it, and the finish as this wire spells it."""
    return replace(reply, id="chatcmpl-r1", model=ASKED.model, raw_finish=reply.finish)


def decoded(pieces: list[bytes]) -> list[Delta]:
    decoder = openai_chat.stream_decoder()
    deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
    return deltas + decoder.flush()


def encoded(reply: Reply) -> bytes:
    encoder = openai_chat.stream_encoder(ASKED)
    return encoder.encode(unfold(reply)) + encoder.finish()


@given(requests(OPENAI_CHAT))
def test_requests(request: ChatRequest) -> None:
    sent = openai_chat.encode_request(request, KEEPING)
    assert openai_chat.decode_request(sent.body) == replace(request, include_usage=request.stream)
    assert sent.dropped == ()


@given(requests(OPENAI_CHAT), st.sampled_from([r"[a-zA-Z0-9]{9}", r"[A-Za-z0-9_-]{1,64}"]))
def test_calls_and_results_pair_under_any_pattern(request: ChatRequest, pattern: str) -> None:
    body = openai_chat.encode_request(request, Dialect(tool_id_pattern=pattern)).body
    before, after = request.messages, openai_chat.decode_request(body).messages
    assert pairing(before) == pairing(after)


def pairing(messages: tuple[Message, ...]) -> list[int]:
    """For each result, how many calls before it was the one that it answers."""
    seen: list[str] = []
    distances: list[int] = []
    for part in (part for message in messages for part in message.parts):
        if isinstance(part, ToolCall):
            seen.append(part.id)
        elif isinstance(part, ToolResult):
            distances.append(seen[::-1].index(part.call_id))
    return distances


@given(requests(ANTHROPIC, results_in="user"), st.booleans())
def test_foreign_reasoning_never_leaves(request: ChatRequest, mid_system: bool) -> None:
    marked = replace(request, messages=tuple(map(marked_reasoning, request.messages)))
    for policy in ("never", "tool-turns", "always"):
        sent = openai_chat.encode_request(marked, Dialect(reasoning_back=policy, mid_system=mid_system))
        assert SECRET.encode() not in sent.body
        had = any(isinstance(part, Reasoning) for message in marked.messages for part in message.parts)
        assert ("messages[].reasoning" in sent.dropped) == had


def marked_reasoning(message: Message) -> Message:
    parts = tuple(
        replace(part, text=SECRET, opaque=b'{"signature":"s"}') if isinstance(part, Reasoning) else part
        for part in message.parts
    )
    return replace(message, parts=parts)


@given(replies())
def test_replies(reply: Reply) -> None:
    sent = openai_chat.encode_response(reply, ASKED)
    assert openai_chat.decode_response(sent.body) == echoed(reply)
    assert sent.dropped == ()


@given(replies())
def test_streams(reply: Reply) -> None:
    assert fold(decoded([encoded(reply)])) == echoed(reply)


@given(replies(), st.data())
def test_any_cut_of_a_stream_gives_the_same_deltas(reply: Reply, data: st.DataObject) -> None:
    stream = encoded(reply)
    assert decoded(data.draw(cuts(stream))) == decoded([stream])


@given(replies(), st.integers(1, 40))
def test_deltas_may_come_in_any_groups(reply: Reply, size: int) -> None:
    deltas = unfold(reply)
    encoder = openai_chat.stream_encoder(ASKED)
    grouped = b"".join(encoder.encode(deltas[i : i + size]) for i in range(0, len(deltas), size))
    assert grouped + encoder.finish() == encoded(reply)


@given(replies())
def test_reasoning_is_never_visible(reply: Reply) -> None:
    marked = replace(reply, parts=(Reasoning(text=SECRET, opaque=b'{"signature":"s"}'), *reply.parts))
    sent = openai_chat.encode_response(marked, ASKED)
    for back in (openai_chat.decode_response(sent.body), fold(decoded([encoded(marked)]))):
        assert all(SECRET not in part.text for part in back.parts if isinstance(part, Text))
        assert b"signature" not in sent.body
    assert sent.dropped == ("message.reasoning.opaque",)
