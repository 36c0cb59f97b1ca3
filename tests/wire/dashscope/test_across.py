"""From other wires to this one and back: what must survive the way, and what must never come of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import msgspec
import pytest
from hypothesis import given

from hostler.core.deltas import fold, unfold
from hostler.core.messages import Message, Reasoning, Refusal, Text, ToolCall, ToolResult, visible_text
from hostler.core.requests import Asked, ChatRequest, Reply
from hostler.core.wires import ANTHROPIC, OPENAI_CHAT
from hostler.wire import dashscope
from hostler.wire.codec import Codec
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN, Dialect
from tests.wire.strategies import replies, requests

OURS = cast("Codec", dashscope)
ASKED = Asked("mine/model", "abc", 1_700_000_000)


def said(messages: Sequence[Message]) -> list[object]:
    """Who said what, calls and their results in order; blank text left out."""
    told: list[object] = []
    for message in messages:
        for part in message.parts:
            match part:
                case Text(text=text) | Refusal(text=text) if text.strip():
                    told.append((message.role, text))
                case ToolCall():
                    told.append(("call", part.id, part.name, msgspec.json.decode(part.arguments or "{}")))
                case ToolResult():
                    told.append(("result", part.call_id, visible_text(part.content).strip()))
                case _:
                    pass
    return told


def around(request: ChatRequest, wire: Codec) -> ChatRequest:
    there = dashscope.decode_request(dashscope.encode_request(request, PLAIN).body)
    return wire.decode_request(wire.encode_request(there, PLAIN).body)


@pytest.mark.slow
@given(requests(OPENAI_CHAT, media=False))
def test_a_chat_request_survives(request: ChatRequest) -> None:
    request = replace(request, tool_choice=None)
    back = around(request, codec_of(OPENAI_CHAT))
    assert said(back.messages) == said(request.messages)
    assert [(tool.name, tool.description) for tool in back.tools] == [(t.name, t.description) for t in request.tools]
    assert (back.max_tokens, back.sampling, back.stream) == (request.max_tokens, request.sampling, request.stream)


@pytest.mark.slow
@given(requests(ANTHROPIC, media=False))
def test_an_anthropic_request_survives(request: ChatRequest) -> None:
    back = around(replace(request, tool_choice=None), codec_of(ANTHROPIC))
    if any(m.role != "system" and said([m]) for m in request.messages):
        assert said(back.messages) == said(request.messages)


@pytest.mark.slow
@given(requests(OPENAI_CHAT, media=False) | requests(ANTHROPIC, media=False))
def test_thinking_never_becomes_visible_text(request: ChatRequest) -> None:
    messages = tuple(
        replace(m, parts=tuple(replace(p, text="S3CRET") if isinstance(p, Reasoning) else p for p in m.parts))
        for m in request.messages
    )
    for policy in ("never", "tool-turns", "always"):
        body = dashscope.encode_request(replace(request, messages=messages), Dialect(reasoning_back=policy)).body
        assert "S3CRET" not in str(said(dashscope.decode_request(body).messages))
        assert policy != "never" or b"S3CRET" not in body


@pytest.mark.slow
@pytest.mark.parametrize("wire", [codec_of(OPENAI_CHAT), codec_of(ANTHROPIC)], ids=[OPENAI_CHAT, ANTHROPIC])
@given(replies())
def test_a_reply_and_a_stream_survive(wire: Codec, reply: Reply) -> None:
    whole = dashscope.decode_response(dashscope.encode_response(reply, ASKED).body)
    back = wire.decode_response(wire.encode_response(whole, ASKED).body)
    deltas = unfold(reply)
    for codec in (OURS, wire):
        encoder, decoder = codec.stream_encoder(ASKED), codec.stream_decoder()
        deltas = [*decoder.feed(encoder.encode(deltas) + encoder.finish()), *decoder.flush()]
    for each in (back, fold(deltas)):
        assert each.text == reply.text
        assert [(c.id, c.name, msgspec.json.decode(c.arguments or "{}")) for c in each.tool_calls] == [
            (c.id, c.name, msgspec.json.decode(c.arguments)) for c in reply.tool_calls
        ]
        assert each.usage == reply.usage
        if reply.finish != "content_filter":  # which not every one of them knows
            assert each.finish == reply.finish
