"""What is written can be read again, and a conversation survives the way through other wires and back."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import Delta, fold, unfold
from hostler.core.messages import Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, visible_text
from hostler.core.requests import Asked, ChatRequest, Reply
from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT, Wire
from hostler.wire import anthropic, gemini, openai_chat
from hostler.wire.codec import Codec, StreamDecoder, StreamEncoder
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN
from tests.wire.strategies import cuts, replies, requests

ASKED = Asked("mine/model", "abc", 1_700_000_000)
ARRAY = replace(ASKED, as_array=True)


def said(messages: Sequence[Message]) -> list[object]:
    """A conversation as a flat list: who said what, calls and their results in order; blank text left out."""
    told: list[object] = []
    for message in messages:
        role = "system" if message.role == "developer" else message.role
        for part in message.parts:
            match part:
                case Text(text=text) | Refusal(text=text):
                    told += [(role, text)] if text.strip() else []
                case ToolCall():
                    told.append(("call", part.id, part.name, msgspec.json.decode(part.arguments or "{}")))
                case ToolResult():
                    told.append(("result", part.call_id, visible_text(part.content).strip()))
                case Media():
                    told.append((role, part.kind, part.data, part.url))
                case Reasoning():
                    pass
    return told


def parts_of(reply: Reply) -> tuple[str, str, list[tuple[str, str, object]]]:
    """Visible text, thinking, and calls."""

    def joined(kind: type[Text] | type[Reasoning]) -> str:
        return "".join(part.text for part in reply.parts if isinstance(part, kind))

    calls = [(call.id, call.name, msgspec.json.decode(call.arguments or "{}")) for call in reply.tool_calls]
    return joined(Text), joined(Reasoning), calls


@pytest.mark.slow
@given(requests(GEMINI))
def test_a_request_is_read_as_it_was_written(request: ChatRequest) -> None:
    again = gemini.decode_request(gemini.encode_request(replace(request, model="gemini-3-pro"), PLAIN).body)
    assert said(again.messages) == said(request.messages)
    thoughts = [part for message in request.messages for part in message.parts if isinstance(part, Reasoning)]
    assert [part for message in again.messages for part in message.parts if isinstance(part, Reasoning)] == thoughts
    named = request.output_format and replace(request.output_format, name="")
    assert (again.tools, again.tool_choice, again.output_format) == (request.tools, request.tool_choice, named)
    assert (again.max_tokens, again.sampling) == (request.max_tokens, request.sampling)


def through(request: ChatRequest, *wires: Wire) -> ChatRequest:
    for wire in wires:
        codec = codec_of(wire) if wire != GEMINI else gemini_codec()
        request = codec.decode_request(codec.encode_request(replace(request, model="m"), PLAIN).body)
    return request


def gemini_codec() -> Codec:
    return gemini  # type: ignore[return-value]


@pytest.mark.slow
@given(requests(OPENAI_CHAT))
def test_a_chat_request_survives_the_way_through_gemini(request: ChatRequest) -> None:
    back = through(request, GEMINI, OPENAI_CHAT)
    assert said(back.messages) == said(request.messages)
    assert [(tool.name, tool.description) for tool in back.tools] == [(t.name, t.description) for t in request.tools]
    assert (back.tool_choice, back.max_tokens) == (request.tool_choice, request.max_tokens)


@pytest.mark.slow
@given(requests(ANTHROPIC, media=False))
def test_an_anthropic_request_survives_the_way_through_gemini(request: ChatRequest) -> None:
    back = through(request, GEMINI, ANTHROPIC)
    if any(m.role != "system" and said([m]) for m in request.messages):
        assert said(back.messages) == said(request.messages)
    assert back.tool_choice == request.tool_choice


@pytest.mark.slow
@given(requests(GEMINI, media=False), st.sampled_from([OPENAI_CHAT, ANTHROPIC]))
def test_a_gemini_request_survives_the_way_through_others(request: ChatRequest, other: Wire) -> None:
    back = through(request, GEMINI, other, GEMINI)
    if any(m.role != "system" and said([m]) for m in request.messages):
        assert said(back.messages) == said(request.messages)
    assert back.tool_choice == request.tool_choice


@pytest.mark.slow
@given(st.sampled_from([OPENAI_CHAT, ANTHROPIC, GEMINI]).flatmap(lambda wire: requests(wire, media=False)))
def test_thinking_never_becomes_visible_text(request: ChatRequest) -> None:
    def hidden(part: Part) -> Part:
        return Reasoning(text="S3CRET", origin=part.origin) if isinstance(part, Reasoning) else part

    messages = tuple(Message(m.role, tuple(map(hidden, m.parts))) for m in request.messages)
    encoded = gemini.encode_request(replace(request, messages=messages), PLAIN)
    assert "S3CRET" not in str(said(gemini.decode_request(encoded.body).messages))
    if request.wire != GEMINI:
        assert b"S3CRET" not in encoded.body


@pytest.mark.slow
@given(replies(), st.sampled_from([anthropic, openai_chat]))
def test_a_reply_survives_the_way_through_gemini(reply: Reply, other: Codec) -> None:
    first = gemini.decode_response(gemini.encode_response(reply, ASKED).body)
    second = other.decode_response(other.encode_response(first, ASKED).body)
    third = gemini.decode_response(gemini.encode_response(second, ASKED).body)
    for each in (first, second, third):
        assert parts_of(each) == parts_of(reply)
        assert each.usage.prompt_tokens == reply.usage.prompt_tokens
        assert (each.usage.cache_read, each.usage.reasoning) == (reply.usage.cache_read, reply.usage.reasoning)
        assert each.usage.output == reply.usage.output
    assert third.finish == first.finish == reply.finish


def streamed(
    encoder: StreamEncoder, deltas: Sequence[Delta], decoder: StreamDecoder, data: st.DataObject
) -> list[Delta]:
    body = encoder.encode(deltas) + encoder.finish()
    return [*(delta for piece in data.draw(cuts(body)) for delta in decoder.feed(piece)), *decoder.flush()]


@pytest.mark.slow
@given(replies(), st.sampled_from([anthropic, openai_chat]), st.sampled_from([ASKED, ARRAY]), st.data())
def test_a_stream_survives_the_way_through_gemini(
    reply: Reply, other: Codec, asked: Asked, data: st.DataObject
) -> None:
    first = streamed(gemini.stream_encoder(asked), unfold(reply), gemini.stream_decoder(), data)
    second = streamed(other.stream_encoder(ASKED), first, other.stream_decoder(), data)
    third = streamed(gemini.stream_encoder(asked), second, gemini.stream_decoder(), data)
    for each in map(fold, (first, second, third)):
        assert parts_of(each) == parts_of(reply)
        assert each.usage.total_tokens == reply.usage.total_tokens
    assert fold(third).finish == reply.finish
